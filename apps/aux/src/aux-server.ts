import { randomBytes } from 'node:crypto';
import {
  ClusterClock,
  ClusterMembership,
  isMembershipError,
  type Registry,
  settingsConflict,
  type View,
  WantedMembers,
} from '@dcs/cluster-membership';
import { PLACEMENT_VERSION } from '@dcs/consistent-hash';
import { ApiTokens, startRefusal } from '@dcs/environment';
import { type EntryFault, peerAddress, PeerAuth, randomNonce, ProtocolError } from '@dcs/protocol';
import type { Logger } from 'pino';
import type { Backup } from './backup/backup.js';
import { BackupParts } from './backup/backup-parts.js';
import type { BackupRestore } from './backup/restore.js';
import { Dispatcher } from './gate/dispatcher.js';
import { commandTable } from './commands/table.js';
import type { AuxConfig } from './config/config.js';
import { MAX_LINKS } from './config/environment.js';
import { Defects } from './defects.js';
import { Occasional } from './occasional.js';
import { CacheNode } from './cache-node.js';
import type { NodeBackup, NodeDisk, Timers } from './node/ports.js';
import { peerAccess } from './replication/peers/peer-access.js';
import { RespTransport } from './replication/peers/resp-transport.js';
import { DEFAULT_LIMITS } from './server/connection.js';
import { DataServer } from './server/data-server.js';

export interface AuxServerOptions {
  readonly config: AuxConfig;
  readonly registry: Registry;
  readonly log: Logger;
  readonly version: string;
  /** Asked to leave by another part of the cache; the owner closes this. */
  readonly onDrain: () => void;
  /** It cannot go on; the owner ends the process. */
  readonly onFatal: (error: Error) => void;
  /** Told the time of some commands; see `Dispatcher`. */
  readonly onSample?: (command: string, seconds: number) => void;
  /** Opened already; closed with this. Absent: in memory only. */
  readonly disk?: NodeDisk;
  /** What to restore from. @defaultValue the backup directory of `config`, if there is one */
  readonly backup?: NodeBackup;
  /** The cluster's time, which the disk goes by too. @defaultValue a new clock over the registry */
  readonly clock?: ClusterClock;
}

/** The cluster has a member beside which this node cannot run; the message says what to do. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly code = 'ERR_SETTINGS';
}

type Phase = 'starting' | 'up' | 'leaving' | 'closed';

/** Room above the largest value, so that one that is a little too large is refused in words, not by cutting the line. */
const BULK_SLACK_BYTES = 2 ** 20;
const MAX_REQUEST_BYTES = 256 * 2 ** 20;
const MAX_REPLY_BYTES = 32 * 2 ** 20;

const HAND_OVER_POLL_MS = 50;
/** Of the time to close, what is kept for leaving and closing connections. */
const CLOSING_RESERVE_MS = 1500;

const systemTimers: Timers = {
  after(ms, callback) {
    const handle = setTimeout(callback, ms);
    return () => clearTimeout(handle);
  },
};

const monotonic = () => performance.now();
/** Between two lines on refused entries, for each reason. */
const REFUSED_LOG_INTERVAL_MS = 60_000;
const LOGGED_KEY_CHARACTERS = 64;
/** Between two lines on unreadable answers, for each node. */
const UNREADABLE_LOG_INTERVAL_MS = 10_000;

/** The cache node with its sockets and its place in the cluster: what one aux process is, apart from its ops port. */
export class AuxServer {
  readonly node: CacheNode;
  readonly dispatcher: Dispatcher;
  readonly data: DataServer;
  /** Absent: no backup directory. */
  readonly backup: Backup | undefined;
  readonly restore: BackupRestore | undefined;
  readonly wantedMembers = new WantedMembers();
  readonly defects: Defects;

  readonly #options: AuxServerOptions;
  readonly #clock: ClusterClock;
  readonly #peers: PeerAuth;
  readonly #tokens: ApiTokens;
  #membership: ClusterMembership | undefined;
  #phase: Phase = 'starting';
  #closing: Promise<void> | undefined;

  constructor(options: AuxServerOptions) {
    const { config, registry, clock = new ClusterClock({ reading: () => registry.clockReading }) } = options;
    const { now } = clock;
    this.#options = options;
    this.#clock = clock;
    this.defects = new Defects(options.log, monotonic);
    const systemPorts = { monotonic, timers: this.defects.timers(systemTimers) };
    this.#tokens = new ApiTokens(config.tokens);
    this.#peers = new PeerAuth({
      role: 'aux',
      id: config.id,
      address: () => peerAddress(config.advertiseHost, this.data.port),
      cluster: config.cluster,
      secrets: config.secrets,
      allowsPlain: config.allowsProtocol1,
      nonce: randomNonce,
      monotonic: systemPorts.monotonic,
      epoch: () => this.node.ownership.epoch,
    });
    const { backupDir: directory } = config;
    const parts =
      directory === undefined
        ? undefined
        : new BackupParts({ ...config, ...systemPorts, directory, now, log: options.log });
    const backup = options.backup ?? parts?.restore;
    this.node = new CacheNode(config, {
      now,
      random32: () => randomBytes(4).readUInt32LE(),
      ...systemPorts,
      transport: new RespTransport(this.#peers, (thrown) => this.defects.report('peer', thrown)),
      refreshView: async (minEpoch) => this.#membership?.refresh(minEpoch),
      standing: () => this.#membership,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
      ...(backup === undefined ? {} : { backup }),
    });
    this.#logRefusedEntries();
    this.#logUnreadableReplies();
    this.restore = parts?.restore;
    this.backup = parts?.backupOf(this.node);
    this.dispatcher = new Dispatcher({
      commands: commandTable,
      monotonicNow: monotonic,
      onDefect: (thrown) => this.defects.report('command', thrown),
      ...(options.onSample === undefined ? {} : { onSample: options.onSample }),
    });
    this.data = new DataServer({
      host: config.host,
      port: config.dataPort,
      maxConnections: config.maxConnections,
      maxLinks: MAX_LINKS,
      dispatcher: this.dispatcher,
      onDefect: (thrown) => this.defects.report('connection', thrown),
      limits: {
        ...DEFAULT_LIMITS,
        maxBulkBytes: config.maxValueBytes * 2 + BULK_SLACK_BYTES,
        maxRequestBytes: Math.max(MAX_REQUEST_BYTES, config.maxValueBytes * 2 + 2 * BULK_SLACK_BYTES),
      },
    });
  }

  get membership(): ClusterMembership | undefined {
    return this.#membership;
  }

  /**
   * Listens, joins as `joining`, loads the disk, and becomes `up`.
   * @param httpPort where the ops port listens, for the member record
   */
  async start(httpPort: number): Promise<void> {
    const { config, registry, log } = this.#options;
    await this.#listen();
    this.node.start();
    const membership = new ClusterMembership({
      cluster: config.cluster,
      registry,
      heartbeatMs: config.heartbeatMs,
      leaseMs: config.leaseMs,
      clock: this.#clock,
      peers: peerAccess(this.node.replication.peers, () => this.#membership?.self),
      isLagging: () => this.node.watch.isLagging,
      self: {
        id: config.id,
        host: config.advertiseHost,
        dataPort: this.data.port,
        httpPort,
        weight: config.weight,
        zone: config.zone,
        state: 'joining',
        settings: {
          replicas: config.replicas,
          placement: PLACEMENT_VERSION,
          protocol: this.#peers.versions,
        },
      },
      log: (message, details) => log.warn(details, message),
      onListenerError: (thrown) => this.defects.report('membership', thrown),
    });
    this.#membership = membership;
    membership.on('view', (view) => {
      this.node.applyView(view);
      this.wantedMembers.observe(view);
      log.info({ epoch: view.epoch, members: view.members.map(({ id, state }) => `${id}:${state}`) }, 'view');
    });
    membership.on('clock', (gapMs) => {
      log.warn({ gapMs }, "the cluster's time was drawn anew from the registry");
      this.node.stoodStill();
    });
    membership.on('readmitted', () => {
      this.node.replication.readmitted();
    });
    membership.on('registry', ({ reachable, error }) => {
      if (isMembershipError(error) && error.code === 'ERR_MEMBER_SUPERSEDED') this.#options.onFatal(error);
      else if (reachable) log.info('registry reachable');
    });
    const before = await registry.read(config.cluster).catch(() => undefined);
    this.#checkSettings(before);
    this.#checkSettings(await membership.join());
    await this.node.replication.recovery.prepare(before);
    if (this.#phase !== 'starting') return;
    await membership.update({ state: 'up' }).catch((error: Error) => {
      log.warn({ error: error.message }, 'the registry has not taken state up yet; the next heartbeat tells it');
    });
    if (this.#phase !== 'starting') return;
    this.#phase = 'up';
    this.backup?.start();
  }

  /** @throws SettingsError for a view with a member beside which this node cannot run */
  #checkSettings(view: View | undefined): void {
    const own = { placement: PLACEMENT_VERSION, protocol: this.#peers.versions };
    const conflict = settingsConflict(view?.members ?? [], own, this.#options.config.id);
    if (conflict !== undefined) throw new SettingsError(startRefusal(conflict, own));
  }

  /**
   * Takes tokens and secrets of a configuration read anew. Clients whose token is none any more are cut off.
   * @throws ProtocolError where clients or peers would be asked for nothing any more, or for the first time: a restart does that
   */
  reload({ secrets, tokens, closedToStrangers }: Pick<AuxConfig, 'secrets' | 'tokens' | 'closedToStrangers'>): void {
    const { config } = this.#options;
    if (closedToStrangers !== config.closedToStrangers || tokens.length > 0 !== this.#tokens.required) {
      throw new ProtocolError('ERR_PROTOCOL_PEER', 'first tokens, or none any more, take a restart');
    }
    this.#peers.replaceSecrets(secrets);
    this.#tokens.replace(tokens);
    this.data.endRevoked();
  }

  /** Why this node cannot serve; `undefined` when it can. */
  unreadyReason(): string | undefined {
    if (this.#phase === 'leaving' || this.#phase === 'closed') return 'leaving the cluster';
    const { disk } = this.#options;
    const trouble = disk?.refusal ?? disk?.degradation;
    if (trouble !== undefined) return trouble;
    if (!this.data.listening) return 'the data port does not listen yet';
    const self = this.node.ownership.self;
    if (this.node.isFenced) return 'fenced: it hears neither the registry nor most of the nodes';
    if (this.#membership?.damped) return 'kept out by the registry: this node came and went too often';
    if (self === undefined) return 'not in the view yet';
    if (self.state !== 'up') return `in the view as ${self.state}`;
    const { unsynced, blocked } = this.node.replication.ledger;
    if (blocked > 0) return `${blocked} slots wait for nodes or a backup that have their entries`;
    if (unsynced > 0) return `${unsynced} slots are still to be imported`;
    return undefined;
  }

  /** What is wrong while this node serves all the same. */
  get degradations(): readonly string[] {
    const failure = this.backup?.failure;
    return failure === undefined ? [] : [`the last backup failed: ${failure}`];
  }

  /** Leaves the cluster, answers what was asked already, and closes, in `shutdownTimeoutMs` at most. Idempotent. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #logRefusedEntries(): void {
    const { log } = this.#options;
    const { store } = this.node;
    const logged = new Occasional<EntryFault>(REFUSED_LOG_INTERVAL_MS, monotonic);
    store.onRefused = (fault, key) => {
      if (!logged.isDue(fault)) return;
      const details = { fault, key: key.slice(0, LOGGED_KEY_CHARACTERS), refused: { ...store.refused } };
      log.error(details, 'an entry was refused: no entry may be like it');
    };
  }

  #logUnreadableReplies(): void {
    const logged = new Occasional<string>(UNREADABLE_LOG_INTERVAL_MS, monotonic);
    this.node.replication.peers.onUnreadable = (id, { message }) => {
      if (logged.isDue(id)) this.#options.log.error({ peer: id, error: message }, 'a node gave an answer that is none');
    };
  }

  /** Waits until the owners of all that this node holds have it. */
  async #handOver(timeoutMs: number): Promise<void> {
    const { copyRelease, hints } = this.node.replication;
    const { ownership } = this.node;
    const deadline = performance.now() + timeoutMs;
    if (this.node.replication.recovery.isRecovering) return; // what is here is on the disk, and nowhere else to go
    const left = (): number => (ownership.up.length === 0 ? 0 : copyRelease.unsafeSlots + hints.size);
    while (left() > 0 && performance.now() < deadline) {
      hints.flush();
      copyRelease.check();
      await new Promise<void>((resolve) => systemTimers.after(HAND_OVER_POLL_MS, resolve));
    }
    if (left() > 0) this.#options.log.error({ left: left() }, 'left before all slots were handed over');
  }

  async #listen(): Promise<void> {
    const { config, version, onDrain } = this.#options;
    await this.data.listen({
      node: this.node,
      version,
      tokens: this.#tokens,
      closedToStrangers: config.closedToStrangers,
      peers: this.#peers,
      drain: onDrain,
      ...(this.backup === undefined ? {} : { backup: this.backup }),
      clients: () => this.data.clients(),
      startedAt: this.#clock.now(),
      port: () => this.data.port,
      commands: commandTable,
      commandsProcessed: () => this.dispatcher.processed,
      maxReplyBytes: MAX_REPLY_BYTES,
    });
  }

  async #close(): Promise<void> {
    const { config, log, registry, disk } = this.#options;
    this.#phase = 'leaving';
    const deadline = performance.now() + config.shutdownTimeoutMs;
    this.restore?.close();
    await this.backup?.close();
    const left = () => Math.max(0, deadline - performance.now());
    const membership = this.#membership;
    if (membership !== undefined) {
      // Others stop sending here as soon as they see it; until then MOVED tells them.
      await within(left() / 2, membership.update({ state: 'leaving' })).catch((error: Error) =>
        log.warn({ error: error.message }, 'could not tell the registry that this node leaves'),
      );
      await this.#handOver(left() - CLOSING_RESERVE_MS);
      await within(left() / 2, membership.leave()).catch((error: Error) =>
        log.warn({ error: error.message }, 'could not leave the registry; the lease will run out'),
      );
    }
    await this.data.close(left());
    await this.node.close();
    await registry.close();
    await disk?.close();
    this.#phase = 'closed';
  }
}

/** Rejects when `promise` takes longer than `ms`. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
