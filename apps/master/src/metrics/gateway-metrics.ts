import { hostname } from 'node:os';
import { WantedMembers } from '@dcs/cluster-membership';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Counter, Gauge, register } from 'prom-client';
import { GATEWAY, type Gateway } from '../gateway.js';
import { version } from '../version.js';
import { DurationHistogram } from './duration-histogram.js';
import { EventLoopStalls } from './event-loop-stalls.js';
import { registerProcessMetrics } from './process-metrics.js';
import { OPERATIONS, OUTCOMES } from './request-metrics.js';

const BUFFERS = ['bodies', 'answers'] as const;
const MS_PER_SECOND = 1000;
const STATES = ['joining', 'up', 'leaving'] as const;

/** Everything that the gateway counts, in the form in which Prometheus reads it. */
@Injectable()
export class GatewayMetrics implements OnApplicationShutdown {
  readonly #stalls: EventLoopStalls;

  constructor(@Inject(GATEWAY) gateway: Gateway) {
    const { config, metrics, routing, membership, plane, time, buffers, audit } = gateway;
    this.#stalls = new EventLoopStalls(time);
    register.setDefaultLabels({ cluster: config.DCS_CLUSTER, node: config.DCS_ID });
    registerProcessMetrics(register);
    const wanted = new WantedMembers();
    wanted.observe(membership.view);
    membership.on('view', (view) => wanted.observe(view));
    this.#counter(
      'dcs_http_requests_total',
      'Data calls by operation and outcome',
      ['operation', 'outcome'],
      (counter) => {
        for (const operation of OPERATIONS) {
          for (const outcome of OUTCOMES) counter.inc({ operation, outcome }, metrics.count(operation, outcome));
        }
      },
    );
    const durations = 'dcs_http_request_duration_seconds';
    register.registerMetric(new DurationHistogram(durations, 'Time from a data call to its answer', metrics));
    this.#gauge('dcs_http_in_flight', 'Data calls being served', [], (gauge) => gauge.set(metrics.inFlight));
    this.#counter(
      'dcs_http_refused_total',
      'Calls refused for who made them',
      ['method', 'route', 'status'],
      (counter) => {
        for (const { method, route, status, count } of audit.refusedCalls)
          counter.inc({ method, route, status }, count);
      },
    );
    this.#gauge('dcs_http_buffer_bytes', 'Bytes held for clients', ['kind'], (gauge) => {
      for (const kind of BUFFERS) gauge.set({ kind }, buffers[kind].used);
    });
    this.#gauge('dcs_http_buffer_limit_bytes', 'Bytes that may be held for clients', ['kind'], (gauge) => {
      for (const kind of BUFFERS) gauge.set({ kind }, buffers[kind].capacity);
    });
    this.#counter('dcs_routing_retries_total', 'Attempts repeated, by reason', ['reason'], (counter) => {
      for (const [reason, count] of routing.retries) counter.inc({ reason }, count);
    });
    this.#counter('dcs_routing_budget_exhausted_total', 'Operations failed because the retry budget was used up', [], (counter) => counter.inc(routing.budgetsExhausted)); // prettier-ignore
    this.#counter('dcs_routing_unexpected_replies_total', 'Replies of an aux that routing has no rule for', [], (counter) => counter.inc(routing.unexpectedReplies)); // prettier-ignore
    this.#counter('dcs_defects_total', 'Exceptions that should not happen: each ended a request or a link, not the gateway', [], (counter) => counter.inc(gateway.defects)); // prettier-ignore
    this.#counter('dcs_coalesced_reads_total', 'Reads that shared the round trip of another', [], (counter) =>
      counter.inc(routing.coalescedReads),
    );
    this.#gauge('dcs_aux_connections', 'Connections to aux nodes by state', ['state'], (gauge) => {
      const connected = plane.topology.nodes.filter(({ connection }) => connection.connected).length;
      gauge.set({ state: 'connected' }, connected);
      gauge.set({ state: 'down' }, plane.topology.nodes.length - connected);
    });
    this.#gauge('dcs_aux_in_flight', 'Requests that wait for an aux', ['aux'], (gauge) => {
      for (const { member, connection } of plane.topology.nodes) gauge.set({ aux: member.id }, connection.inFlight);
    });
    this.#gauge('dcs_view_epoch', 'Epoch of the view this process routes by', [], (gauge) =>
      gauge.set(plane.topology.epoch),
    );
    this.#gauge('dcs_members', 'Members of the view by state', ['state'], (gauge) => {
      for (const state of STATES) {
        gauge.set({ state }, membership.view.members.filter((member) => member.state === state).length);
      }
    });
    this.#gauge('dcs_registry_reachable', 'Whether the registry answered last time', [], (gauge) =>
      gauge.set(membership.registryReachable ? 1 : 0),
    );
    this.#gauge('dcs_nodes_wanted', 'Nodes that there should be: as many as there were in the view, less those that left in order', [], (gauge) => gauge.set(wanted.count)); // prettier-ignore
    this.#gauge('dcs_replicas_wanted', 'Copies of an entry that there should be', [], (gauge) =>
      gauge.set(plane.topology.replicas),
    );
    this.#counter('dcs_event_loop_stalled_seconds_total', 'Time for which the event loop did not run, of each time that it was more than 50 ms late', [], (counter) => counter.inc(this.#stalls.stalledMs / MS_PER_SECOND)); // prettier-ignore
    const build = { app: 'master', version, node_version: process.version, host: hostname() };
    this.#gauge('dcs_build_info', '1, with the versions and the host name as labels; in a container that is its id', Object.keys(build), (gauge) => gauge.set(build, 1)); // prettier-ignore
  }

  /** Takes everything out of the process's registry again, the default metrics too. Idempotent. */
  onApplicationShutdown(): void {
    this.#stalls.close();
    register.clear();
  }

  #counter(name: string, help: string, labelNames: string[], collect: (counter: Counter) => void): void {
    new Counter({
      name,
      help,
      labelNames,
      collect() {
        this.reset();
        collect(this);
      },
    });
  }

  #gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      collect() {
        this.reset();
        collect(this);
      },
    });
  }
}
