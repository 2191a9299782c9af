import { hostname } from 'node:os';
import type { MemberState } from '@dcs/cluster-membership';
import { memoryLimits } from '@dcs/environment';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AuxServer } from '../aux-server.js';
import type { Disk } from '../persistence/disk.js';
import { registerBackupMetrics } from './backup-metrics.js';
import { registerDiskMetrics } from './disk-metrics.js';
import { registerReplicationMetrics } from './replication-metrics.js';

const US_PER_SECOND = 1e6;
const MS_PER_SECOND = 1000;
/** From a lookup (about a microsecond) to a flush of everything. */
const DURATION_BUCKETS = [0.5, 1, 2, 5, 10, 20, 50, 100, 500, 1000, 10_000, 100_000].map((us) => us / US_PER_SECOND);
const STATES: readonly MemberState[] = ['joining', 'up', 'leaving'];

/** The histogram of sampled command times: made before the server, which reports to it. */
export function commandDurations(register: Registry): Histogram<'command'> {
  return new Histogram({
    name: 'dcs_command_duration_seconds',
    help: 'Time to execute a command, without reading and writing the socket; one command in 64 is measured',
    labelNames: ['command'],
    buckets: DURATION_BUCKETS,
    registers: [register],
  });
}

/**
 * Everything else is read from plain numbers of the server when it is scraped: no command pays for a metric.
 */
export function registerAuxMetrics(aux: AuxServer, disk: Disk | undefined, version: string, register: Registry): void {
  const { node, data, dispatcher } = aux;
  const { store, ownership, writer } = node;

  /** A counter whose value somebody else keeps. */
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers: [register],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [register],
      collect() {
        this.set(read());
      },
    });

  new Counter({
    name: 'dcs_commands_total',
    help: 'Commands executed, by outcome',
    labelNames: ['command', 'outcome'],
    registers: [register],
    collect() {
      this.reset();
      dispatcher.eachCounter((command, { ok, error }) => {
        this.inc({ command: command.toLowerCase(), outcome: 'ok' }, ok);
        this.inc({ command: command.toLowerCase(), outcome: 'error' }, error);
      });
      this.inc({ command: 'unknown', outcome: 'error' }, dispatcher.unknown);
    },
  });
  counter('dcs_hits_total', 'Reads that found a live entry', () => store.hits);
  counter('dcs_misses_total', 'Reads that found none', () => store.misses);
  new Counter({
    name: 'dcs_evictions_total',
    help: 'Entries removed to make room, by the bound that was reached',
    labelNames: ['reason'],
    registers: [register],
    collect() {
      this.reset();
      const { entries, bytes } = store.evictions;
      this.inc({ reason: 'entries' }, entries);
      this.inc({ reason: 'bytes' }, bytes);
    },
  });
  counter('dcs_expirations_total', 'Entries removed because their time was over', () => store.evictions.expired);
  gauge('dcs_entries', 'Entries held', () => store.size);
  gauge('dcs_bytes', 'Bytes of keys, values and overhead held', () => store.bytes);
  gauge('dcs_capacity_entries', 'Most entries', () => store.maxEntries);
  gauge('dcs_capacity_bytes', 'Most bytes', () => store.maxBytes);
  const limits = memoryLimits();
  gauge(
    'dcs_memory_limit_bytes',
    'Memory that the process may use: the limit of its container, or what the machine has',
    () => limits.totalBytes,
  );
  gauge('dcs_heap_limit_bytes', 'Where the JavaScript heap ends', () => limits.heapBytes);
  gauge('dcs_tombstones', 'Deletes remembered', () => store.tombstones);
  counter('dcs_tombstones_dropped_total', 'Deletes forgotten early: too many', () => store.tombstonesDropped);
  counter(
    'dcs_traces_lost_total',
    'Entries evicted or expired without the trace that they should have left: too many',
    () => store.lostTraces.count,
  );
  gauge('dcs_connections', 'Open connections on the data port', () => data.connections);
  gauge('dcs_connections_limit', 'Most connections on the data port', () => data.maxConnections);
  counter('dcs_connections_accepted_total', 'Connections accepted on the data port', () => data.accepted);
  counter('dcs_connections_refused_total', 'Connections refused: too many', () => data.refused);
  counter('dcs_slow_readers_total', 'Connections cut because the client did not read', () => data.slowReaders);
  gauge('dcs_in_flight', 'Commands whose replies are still to come', () => dispatcher.pending);
  gauge('dcs_view_epoch', 'Epoch of the view', () => ownership.epoch);
  new Gauge({
    name: 'dcs_members',
    help: 'Members in the view, by state',
    labelNames: ['state'],
    registers: [register],
    collect() {
      for (const state of STATES) {
        this.set({ state }, ownership.view.members.filter((member) => member.state === state).length);
      }
    },
  });
  gauge(
    'dcs_nodes_wanted',
    'Nodes that there should be: as many as there were in the view, less those that left in order',
    () => aux.wantedMembers.count,
  );
  gauge('dcs_replicas_wanted', 'Copies of an entry that there should be', () => ownership.replicas);
  counter(
    'dcs_event_loop_stalled_seconds_total',
    'Time for which the event loop did not run, of each time that it was more than 50 ms late',
    () => node.watch.stalledMs / MS_PER_SECOND,
  );
  new Gauge({
    name: 'dcs_slots_owned',
    help: 'Slots that this node owns, by role',
    labelNames: ['role'],
    registers: [register],
    collect() {
      const { primary, replica } = ownership.table.slotsOf(ownership.selfId);
      this.set({ role: 'primary' }, primary);
      this.set({ role: 'replica' }, replica);
    },
  });
  new Counter({
    name: 'dcs_stale_operations_total',
    help: 'Writes refused because their stamp was too far ahead, or too old',
    labelNames: ['reason'],
    registers: [register],
    collect() {
      this.reset();
      this.inc({ reason: 'ahead' }, writer.staleAhead);
      this.inc({ reason: 'old' }, writer.staleOld);
    },
  });
  new Counter({
    name: 'dcs_entries_refused_total',
    help: 'Entries refused at the door because no entry may be like them, by what was wrong with them',
    labelNames: ['reason'],
    registers: [register],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(store.refused)) this.inc({ reason }, count);
    },
  });
  new Counter({
    name: 'dcs_defects_total',
    help: 'Exceptions that should not happen, by where they were caught: each ended a connection or a call, not the node',
    labelNames: ['source'],
    registers: [register],
    collect() {
      this.reset();
      for (const [source, count] of Object.entries(aux.defects.counts)) this.inc({ source }, count);
    },
  });
  registerReplicationMetrics(aux, counter, gauge);
  if (disk !== undefined) registerDiskMetrics(disk, counter, gauge, register);
  const { backup, restore } = aux;
  if (backup !== undefined && restore !== undefined) {
    registerBackupMetrics({ backup, restore }, counter, gauge, register);
  }
  gauge(
    'dcs_membership_suspects',
    'Members in the view that the registry has not heard for more than half of their lease',
    () => aux.membership?.overdue.length ?? 0,
  );
  gauge('dcs_node_fenced', '1 while this node serves nobody: it may have been expelled', () => (node.isFenced ? 1 : 0));
  gauge('dcs_registry_reachable', '1 while the registry answers', () => (aux.membership?.registryReachable ? 1 : 0));
  new Gauge({
    name: 'dcs_build_info',
    help: '1, with the versions and the host name as labels; in a container that is its id',
    labelNames: ['app', 'version', 'node_version', 'host'],
    registers: [register],
  }).set({ app: 'aux', version, node_version: process.version, host: hostname() }, 1);
}
