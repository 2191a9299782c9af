import { getHeapStatistics } from 'node:v8';
import {
  ClusterClock,
  type ClusterMembership,
  type Registry,
  replicationFactor,
  settingsConflict,
  type View,
} from '@dcs/cluster-membership';
import { PLACEMENT_VERSION } from '@dcs/consistent-hash';
import { ApiTokens, startRefusal } from '@dcs/environment';
import { PeerAuth, ProtocolError, randomNonce } from '@dcs/protocol';
import { type Logger } from 'pino';
import { AuditLog } from './auth/audit-log.js';
import { Buffers } from './buffers/buffers.js';
import { type MasterConfig } from './config/master-config.js';
import { RequestMetrics } from './metrics/request-metrics.js';
import { RoutingMetrics } from './metrics/routing-metrics.js';
import { AuxDataPlane } from './routing/aux-data-plane.js';
import { viewAccess } from './routing/peer-view.js';
import { type Random, type Time } from './routing/ports.js';
import { respConnector, systemRandom, systemTime } from './routing/system-ports.js';
import { createMembership, createRegistry } from './cluster/membership.js';

/** Injection token of the {@link Gateway}. */
export const GATEWAY = Symbol('gateway');

/** How long to wait before the registry is tried again when the gateway could not read it at its start, ms. */
const START_AGAIN_MS = 1000;

export interface GatewayOptions {
  readonly config: MasterConfig;
  readonly log: Logger;
  readonly time?: Time;
  readonly random?: Random;
  /** The first view has a node beside which this gateway cannot run; the owner ends the process. */
  readonly onRefused?: (error: SettingsError) => void;
  /** Default: what `DCS_REGISTRY` names. */
  readonly registry?: Registry;
  /** How large the heap may grow. @defaultValue what V8 was told */
  readonly heapLimitBytes?: number;
}

/** The cluster has a node beside which this process cannot run; the message says what to do. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code = 'ERR_SETTINGS';
}

/** What a gateway is made of, apart from HTTP: membership, routing and counters. */
export class Gateway {
  readonly config: MasterConfig;
  readonly log: Logger;
  readonly time: Time;
  readonly metrics = new RequestMetrics();
  readonly routing: RoutingMetrics;
  readonly membership: ClusterMembership;
  readonly plane: AuxDataPlane;
  /** What it may hold for its clients, in bytes. */
  readonly buffers: Buffers;
  readonly audit: AuditLog;
  /** The process is about to leave: `ready` says no, answers end their connections. */
  draining = false;
  /** Exceptions that should not happen; each ended a request or a link, and not the gateway. */
  defects = 0;
  readonly #registry: Registry;
  readonly #auth: PeerAuth;
  /** Who may call. */
  readonly tokens: ApiTokens;
  /** By the last view. */
  #replicas: number;
  #conflict: string | undefined;
  readonly #onRefused: ((error: SettingsError) => void) | undefined;
  #hasMet = false;
  #cancelStart: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { config, log, time = systemTime, random = systemRandom, registry, onRefused } = options;
    this.config = config;
    this.log = log;
    this.#onRefused = onRefused;
    const { heapLimitBytes = getHeapStatistics().heap_size_limit } = options;
    this.buffers = new Buffers({ heapLimitBytes, now: time.now });
    this.audit = new AuditLog({ log, now: time.now });
    this.#replicas = config.DCS_REPLICAS;
    this.#registry = registry ?? createRegistry(config, log);
    // All processes go by one time, so that they agree on when an entry expires.
    const clock = new ClusterClock({
      reading: () => this.#registry.clockReading,
      monotonic: time.now,
      wall: time.wall,
    });
    this.time = {
      ...time,
      after: (ms, callback) => time.after(ms, () => this.#guard(callback)),
      afterTurn: (callback) => time.afterTurn(() => this.#guard(callback)),
      wall: clock.now,
    };
    this.membership = createMembership(
      config,
      this.#registry,
      clock,
      log,
      viewAccess(() => this.plane.topology),
      (error) => this.reportDefect(error),
    );
    this.tokens = new ApiTokens(config.DCS_API_TOKENS);
    this.#auth = new PeerAuth({
      ...{ role: 'master', id: config.DCS_ID, address: () => '', cluster: config.DCS_CLUSTER },
      secrets: config.DCS_CLUSTER_SECRET,
      allowsPlain: config.DCS_ALLOW_PROTOCOL_1,
      nonce: randomNonce,
      monotonic: this.time.now,
      epoch: () => this.membership.view.epoch,
    });
    this.routing = new RoutingMetrics((error) => log.warn({ error: error.message }, 'an aux gave an unexpected reply'));
    this.plane = new AuxDataPlane({
      membership: this.membership,
      connect: respConnector({
        auth: this.#auth,
        maxInFlight: config.DCS_MAX_IN_FLIGHT_PER_AUX,
        requestTimeoutMs: config.DCS_REQUEST_TIMEOUT_MS,
        drainMs: config.DCS_REQUEST_TIMEOUT_MS,
        onDefect: (error) => this.reportDefect(error),
        onDown: ({ id }, error) => log.warn({ aux: id, error: error.message }, 'no connection to an aux'),
      }),
      time: this.time,
      random,
      observer: this.routing,
      replicas: config.DCS_REPLICAS,
      requestTimeoutMs: config.DCS_REQUEST_TIMEOUT_MS,
      operationTimeoutMs: config.DCS_OPERATION_TIMEOUT_MS,
      retryBudgetPercent: config.DCS_RETRY_BUDGET_PERCENT,
      readFrom: config.DCS_READ_FROM,
      hedgeDelayMs: config.DCS_HEDGE_DELAY_MS,
    });
    this.membership.on('view', (view) => this.#onView(view));
    this.membership.on('clock', (gapMs) => log.warn({ gapMs }, "the cluster's time was drawn anew from the registry"));
    this.membership.on('registry', ({ reachable, error }) => {
      if (reachable) log.info('the registry answers');
      else log.warn({ error: error?.message }, 'the registry is out of reach; the last view stays');
    });
  }

  /** Begins to follow the registry, for as long as it takes to reach it. Resolves at once; readiness tells the rest. */
  start(): void {
    this.membership.start().catch((error: unknown) => {
      if (this.#closing) return;
      this.log.error({ error: (error as Error).message }, 'the registry could not be read; trying again');
      this.#cancelStart = this.time.after(START_AGAIN_MS, () => this.start());
    });
  }

  /** Why this gateway should get no traffic; undefined when it should. */
  unreadyReason(): string | undefined {
    return this.draining ? 'the gateway is shutting down' : this.plane.unreadyReason();
  }

  /** Something that should never happen happened: the client got a 500, or a link ended; the log gets the rest. */
  reportDefect(error: unknown): void {
    this.defects++;
    this.log.error({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, 'defect');
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.reportDefect(error);
    }
  }

  /** Finishes what is in flight, then closes. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #onView({ epoch, members }: View): void {
    this.log.info({ epoch, members: members.map(({ id, state }) => `${id}:${state}`) }, 'view');
    this.#checkSettings(members);
    const expected = this.config.DCS_REPLICAS;
    const replicas = replicationFactor(members, expected);
    if (replicas === this.#replicas) return;
    this.#replicas = replicas;
    if (replicas === expected) return;
    this.log.warn(
      { replicas, expected },
      'the nodes keep another number of copies than DCS_REPLICAS of this gateway says',
    );
  }

  /**
   * Takes tokens and secrets of a configuration read anew.
   * @throws ProtocolError where callers or peers would be asked for nothing any more, or for the first time: a restart does that
   */
  reload({ DCS_API_TOKENS: tokens, DCS_CLUSTER_SECRET: secrets }: MasterConfig): void {
    if (tokens.length > 0 !== this.tokens.required) {
      throw new ProtocolError('ERR_PROTOCOL_PEER', 'first tokens, or none any more, take a restart');
    }
    this.#auth.replaceSecrets(secrets);
    this.tokens.replace(tokens);
  }

  /** The first view decides whether this gateway may run; a node that comes later is told of, once. */
  #checkSettings(members: View['members']): void {
    const own = { placement: PLACEMENT_VERSION, protocol: this.#auth.versions };
    const conflict = settingsConflict(members, own);
    const message = conflict && startRefusal(conflict, own);
    if (message !== undefined && message !== this.#conflict) {
      if (this.#hasMet) this.log.error({ reason: message }, 'a node cannot be talked to');
      else this.#onRefused?.(new SettingsError(message));
    }
    this.#conflict = message;
    this.#hasMet ||= members.length > 0;
  }

  async #close(): Promise<void> {
    this.#cancelStart?.();
    await this.plane.close();
    await this.membership.close();
    await this.#registry.close();
  }
}
