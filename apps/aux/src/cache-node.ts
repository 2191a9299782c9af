import type { View } from '@dcs/cluster-membership';
import { HybridClock, type NodeStats, type ProbeReply } from '@dcs/protocol';
import { Replication, type ReplicationTuning } from './replication/replication.js';
import { ImportSource } from './replication/handoff/import-source.js';
import { EventLoopWatch } from './node/event-loop-watch.js';
import { Ownership } from './node/ownership.js';
import type { MemberStanding, NodePorts, Timers } from './node/ports.js';
import { Store } from './node/store.js';
import { Sweeper } from './node/sweeper.js';
import { ViewRefresh } from './node/view-refresh.js';
import { Writer } from './node/writer.js';

export interface CacheNodeOptions extends ReplicationTuning {
  readonly id: string;
  /** Copies of a slot, the primary included, while no member that is up states a number: see `replicationFactor`. */
  readonly replicas: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxValueBytes: number;
  readonly tombstoneRetentionMs: number;
  readonly maxTombstones?: number;
  /** Results remembered for repeated attempts: see `WriterOptions`. */
  readonly recentOperations?: number;
}

/**
 * One cache node, without its sockets: the store, who writes to it, and which slots are its own. It runs the same in
 * production, in tests and in a simulation; all that it needs from outside comes in through {@link NodePorts}.
 */
export class CacheNode {
  readonly id: string;
  readonly clock: HybridClock;
  readonly store: Store;
  readonly writer: Writer;
  readonly ownership: Ownership;
  readonly refresh: ViewRefresh;
  readonly now: () => number;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly maxValueBytes: number;
  readonly replication: Replication;
  readonly importSource: ImportSource;
  readonly watch: EventLoopWatch;
  readonly #sweeper: Sweeper;
  readonly #timers: Timers;
  readonly #standing: () => MemberStanding | undefined;
  #waking: Promise<void> | undefined;

  constructor(options: CacheNodeOptions, ports: NodePorts) {
    const { now } = ports;
    this.#timers = ports.timers;
    this.#standing = ports.standing ?? (() => undefined);
    this.id = options.id;
    this.now = now;
    this.monotonic = ports.monotonic;
    this.maxValueBytes = options.maxValueBytes;
    this.clock = new HybridClock({ now, origin: ports.random32() });
    this.store = new Store({
      maxEntries: options.maxEntries,
      maxBytes: options.maxBytes,
      tombstoneRetentionMs: options.tombstoneRetentionMs,
      ...(options.maxTombstones === undefined ? {} : { maxTombstones: options.maxTombstones }),
      now,
      hashSeed: ports.random32(),
    });
    this.writer = new Writer({
      store: this.store,
      clock: this.clock,
      now,
      maxValueBytes: options.maxValueBytes,
      ...(options.recentOperations === undefined ? {} : { recentOperations: options.recentOperations }),
    });
    this.ownership = new Ownership(options.id, options.replicas);
    this.refresh = new ViewRefresh({
      epoch: () => this.ownership.epoch,
      refresh: ports.refreshView,
      monotonic: ports.monotonic,
      timers: ports.timers,
    });
    const { ownership, store, writer, clock, refresh } = this;
    this.watch = new EventLoopWatch({ timers: ports.timers, monotonic: ports.monotonic, onWake: () => this.#wake() });
    this.replication = new Replication({
      ...options,
      ownership,
      store,
      writer,
      clock,
      refresh,
      timers: ports.timers,
      monotonic: ports.monotonic,
      random: () => ports.random32() / 2 ** 32,
      isLagging: () => this.watch.isLagging,
      isFenced: () => this.isFenced,
      transport: ports.transport,
      now,
      disk: ports.disk,
      backup: ports.backup,
    });
    this.importSource = new ImportSource({
      ownership,
      ledger: this.replication.ledger,
      store,
      clock,
      dedup: writer.dedup,
    });
    this.#sweeper = new Sweeper((maxVisits) => this.store.sweep(maxVisits), ports.timers);
  }

  /** Begins what it does by itself: sweeps, comparisons with other nodes, the watch on its own pauses. */
  start(): void {
    this.#sweeper.start();
    this.watch.start();
    this.replication.start();
  }

  applyView(view: View): void {
    this.replication.applyView(view);
  }

  /**
   * After a pause of the process: settles when the registry has been asked what became of this node meanwhile, or
   * could not be. Until then nothing is to be answered.
   */
  get waking(): Promise<void> | undefined {
    return this.#waking;
  }

  /** This process did not run, and its own clocks have not told: see `MembershipEvents.clock`. */
  stoodStill(): void {
    this.#wake();
  }

  /** It may have been expelled: it answers no client, and acknowledges nothing. */
  get isFenced(): boolean {
    return this.#standing()?.isFenced ?? false;
  }

  /** The answer to another member's probe. */
  probe(id: string, incarnation: number): ProbeReply {
    const { epoch, self } = this.ownership;
    const answer = this.#standing()?.answerProbe(id, incarnation) ?? { state: 'fenced', epoch };
    return { id: this.id, incarnation: self?.incarnation ?? 0, ...answer };
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#timers.after(ms, resolve));
  }

  stats(): NodeStats {
    const { store } = this;
    const suspects = this.#standing()?.overdue ?? [];
    return {
      id: this.id,
      epoch: this.ownership.epoch,
      entries: store.size,
      bytes: store.bytes,
      maxEntries: store.maxEntries,
      maxBytes: store.maxBytes,
      hits: store.hits,
      misses: store.misses,
      tombstones: store.tombstones,
      handoff: {
        slotsToGo: this.replication.ledger.unsynced + this.replication.ledger.blocked,
        bytesReceived: this.replication.importer.bytesReceived,
      },
      ...(this.isFenced ? { fenced: true as const } : {}),
      ...(suspects.length > 0 ? { suspects } : {}),
    };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#sweeper.stop();
    this.watch.stop();
    this.replication.close();
  }

  #wake(): void {
    if (this.#waking !== undefined) return;
    this.replication.wokeUp();
    this.#waking = this.refresh.ask().finally(() => (this.#waking = undefined));
  }
}
