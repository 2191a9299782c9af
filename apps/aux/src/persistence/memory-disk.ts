import type { View } from '@dcs/cluster-membership';
import { compareVersions, type Version, VERSION_ZERO } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import type { DiskIdentity, NodeDisk, Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';

/** What lies on a {@link MemoryDisk}: it outlives the disk's owner as a file outlives a process. */
export class Platter {
  readonly entries = new Map<string, Entry>();
  identity: DiskIdentity | undefined;
  floor: Version = VERSION_ZERO;

  wipe(): void {
    this.entries.clear();
    this.identity = undefined;
    this.floor = VERSION_ZERO;
  }
}

export interface MemoryDiskOptions {
  readonly platter: Platter;
  readonly timers: Timers;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  /** From a change until it is durable. @defaultValue 1 */
  readonly writeMs?: number;
  /** How long a load takes. @defaultValue 0 */
  readonly loadMs?: number;
  /** @defaultValue 1000 */
  readonly aliveIntervalMs?: number;
}

const DEFAULT_WRITE_MS = 1;
const DEFAULT_ALIVE_INTERVAL_MS = 1000;

/**
 * A disk for tests and simulations: a write takes its time, and what was not written when the process ends is not there.
 */
export class MemoryDisk implements NodeDisk {
  readonly identity: DiskIdentity | undefined;
  readonly damaged = 0;
  /** Set by tests: nothing can be written. */
  refusal: string | undefined;
  readonly #options: MemoryDiskOptions;
  #pending = new Map<string, Entry | undefined>();
  #waiting: ((error: Error | undefined) => void)[] = [];
  #remembered: { readonly lineage: string; readonly views: readonly View[] } | undefined;
  #writing = false;
  #cancelAlive: (() => void) | undefined;
  #closed = false;

  constructor(options: MemoryDiskOptions) {
    this.#options = options;
    this.identity = options.platter.identity;
  }

  async load(store: Store): Promise<void> {
    const { platter, loadMs = 0, timers } = this.#options;
    if (loadMs > 0) await new Promise<void>((resolve) => timers.after(loadMs, resolve));
    if (compareVersions(platter.floor, VERSION_ZERO) > 0) store.flush(platter.floor);
    for (const [key, entry] of platter.entries) store.merge(key, entry);
    store.onChange = (key, entry) => {
      this.#pending.set(key, entry);
      this.#write();
    };
    store.onFlush = (floor) => {
      platter.entries.clear();
      platter.floor = floor;
      this.#pending.clear();
    };
    this.#stayAlive();
  }

  async discard(): Promise<void> {
    this.#options.platter.wipe();
  }

  remember(lineage: string, views: readonly View[]): void {
    this.#remembered = { lineage, views };
    this.#write();
  }

  whenDurable(done: (error: Error | undefined) => void): void {
    if (this.refusal !== undefined) return done(new Error(this.refusal));
    if (!this.#writing) return done(undefined);
    this.#waiting.push(done);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelAlive?.();
    this.#commit();
  }

  #write(): void {
    if (this.#writing || this.#closed) return;
    this.#writing = true;
    this.#options.timers.after(this.#options.writeMs ?? DEFAULT_WRITE_MS, () => {
      this.#commit();
    });
  }

  #commit(): void {
    const { platter, now } = this.#options;
    this.#writing = false;
    for (const [key, entry] of this.#pending) {
      if (entry === undefined) platter.entries.delete(key);
      else platter.entries.set(key, entry);
    }
    this.#pending = new Map();
    if (this.#remembered !== undefined) platter.identity = { ...this.#remembered, aliveAt: now() };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done(undefined);
  }

  #stayAlive(): void {
    const { timers, aliveIntervalMs = DEFAULT_ALIVE_INTERVAL_MS } = this.#options;
    this.#cancelAlive = timers.after(aliveIntervalMs, () => {
      this.#write();
      if (!this.#closed) this.#stayAlive();
    });
  }
}
