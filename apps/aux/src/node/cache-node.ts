import type { View } from '@dcs/cluster-membership';
import { HybridClock, type NodeStats } from '@dcs/protocol';
import { Ownership } from './ownership.js';
import type { NodePorts } from './ports.js';
import { Store } from './store.js';
import { Sweeper } from './sweeper.js';
import { ViewRefresh } from './view-refresh.js';
import { Writer } from './writer.js';

export interface CacheNodeOptions {
  readonly id: string;
  /** Copies of a slot, the primary included. */
  readonly replicas: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxValueBytes: number;
  readonly tombstoneRetentionMs: number;
  readonly maxTombstones?: number;
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
  readonly maxValueBytes: number;
  readonly #sweeper: Sweeper;

  constructor(options: CacheNodeOptions, ports: NodePorts) {
    const { now } = ports;
    this.id = options.id;
    this.now = now;
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
    this.writer = new Writer({ store: this.store, clock: this.clock, now, maxValueBytes: options.maxValueBytes });
    this.ownership = new Ownership(options.id, options.replicas);
    this.refresh = new ViewRefresh({
      epoch: () => this.ownership.epoch,
      refresh: ports.refreshView,
      now,
      timers: ports.timers,
    });
    this.#sweeper = new Sweeper((maxVisits) => this.store.sweep(maxVisits), ports.timers);
  }

  /** Begins to remove expired entries by itself. */
  start(): void {
    this.#sweeper.start();
  }

  applyView(view: View): void {
    this.ownership.apply(view);
  }

  stats(): NodeStats {
    const { store } = this;
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
      handoff: { slotsToGo: 0, bytesReceived: 0 },
    };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#sweeper.stop();
  }
}
