import type { View } from '@dcs/cluster-membership';
import { compareVersions, type Version, VERSION_ZERO } from '@dcs/protocol';
import { afterAbsence, type Entry, isOverAfter, isTombstone } from '../node/entry.js';
import type { DiskIdentity, NodeDisk, Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';
import type { Platter } from './platter.js';

export interface MemoryDiskOptions {
  readonly platter: Platter;
  readonly timers: Timers;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  /** As of `Disk`. @defaultValue `always` */
  readonly durability?: 'interval' | 'always';
  /** From a change until it is written. @defaultValue 1 */
  readonly writeMs?: number;
  /** How long a load takes. @defaultValue 0 */
  readonly loadMs?: number;
  /** Between two syncs. @defaultValue 500 */
  readonly syncMs?: number;
  /** Between two checkpoints, unless what the disk is to know of the cluster has changed. @defaultValue 5000 */
  readonly checkpointMs?: number;
}

const DEFAULT_WRITE_MS = 1;
const DEFAULT_SYNC_MS = 500;
const DEFAULT_CHECKPOINT_MS = 5000;
const RETRY_MS = 500;

/**
 * A disk for tests and simulations that does what `Disk` does, in its order: a change is appended to a journal before
 * its answer, and what the store let go of is known to the disk from the next checkpoint on. What was not written when
 * the process ends is not there.
 */
export class MemoryDisk implements NodeDisk {
  readonly identity: DiskIdentity | undefined;
  readonly damaged = 0;
  readonly aliveAgeMs: number;
  /** Also set by tests: nothing can be written. */
  refusal: string | undefined;
  readonly #options: MemoryDiskOptions;
  #store: Store | undefined;
  /** To be appended to the journal. */
  #pending = new Map<string, Entry>();
  /** Changed since the last checkpoint. */
  #dirty = new Set<string>();
  #waiting: ((error: Error | undefined) => void)[] = [];
  #remembered: { readonly historyId: string; readonly views: readonly View[] } | undefined;
  #writing = false;
  /** Stands for all that is appended at once. */
  #group = {};
  /** Changes of the store come from this disk at the moment. */
  #applying = false;
  #cancelTick: (() => void) | undefined;
  #sinceCheckpointMs = Infinity;
  #closed = false;

  constructor(options: MemoryDiskOptions) {
    this.#options = options;
    const { syncMs = DEFAULT_SYNC_MS, checkpointMs = DEFAULT_CHECKPOINT_MS } = options;
    this.identity = options.platter.identity;
    this.aliveAgeMs = Math.max(syncMs, checkpointMs) + syncMs;
  }

  async load(store: Store): Promise<void> {
    const { platter, loadMs = 0, timers, now } = this.#options;
    const absentMs = Math.max(0, now() - (platter.identity?.aliveAt ?? Infinity));
    if (compareVersions(platter.floor, VERSION_ZERO) > 0) store.flush(platter.floor);
    store.onChange = (key, entry) => this.#changed(key, entry);
    store.onFlush = (floor) => this.#flushed(floor);
    store.scanAll('0', Number.MAX_SAFE_INTEGER, (key, entry) => {
      this.#changed(key, entry);
      return true;
    });
    if (loadMs > 0) await new Promise<void>((resolve) => timers.after(loadMs, resolve));
    this.#applying = true;
    for (const [key, entry] of platter.entries) {
      const found = isOverAfter(entry, isTombstone(entry), absentMs, now()) ? undefined : afterAbsence(entry, absentMs);
      if (found !== undefined) store.merge(key, found);
      if (store.lookup(key) !== entry) this.#dirty.add(key);
    }
    this.#applying = false;
    this.#store = store;
    this.#tickLater();
  }

  async discard(): Promise<void> {
    this.#options.platter.wipe();
  }

  remember(historyId: string, views: readonly View[]): void {
    this.#remembered = { historyId, views };
    this.#sinceCheckpointMs = Infinity;
  }

  whenDurable(done: (error: Error | undefined) => void): void {
    const { refusal } = this;
    if (refusal !== undefined) done(this.#dirty.size === 0 ? undefined : new Error(refusal));
    else if (this.#writing) this.#waiting.push(done);
    else done(undefined);
  }

  get commit(): object | undefined {
    return this.refusal === undefined && this.#writing ? this.#group : undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#commit();
    this.#closed = true;
    this.#cancelTick?.();
    this.#checkpoint();
  }

  #changed(key: string, entry: Entry | undefined): void {
    if (this.#applying && entry !== undefined) return;
    this.#dirty.add(key);
    if (entry === undefined) return;
    this.#pending.set(key, entry);
    this.#write();
  }

  #flushed(floor: Version): void {
    this.#pending.clear();
    this.#dirty.clear();
    this.#options.platter.flush(floor);
  }

  #write(): void {
    if (this.#writing || this.#closed || this.refusal !== undefined) return;
    this.#writing = true;
    this.#group = {};
    this.#options.timers.after(this.#options.writeMs ?? DEFAULT_WRITE_MS, () => {
      this.#commit();
    });
  }

  #commit(): void {
    const { platter, durability = 'always' } = this.#options;
    if (!this.#writing) return;
    this.#writing = false;
    if (platter.failure !== undefined) return this.#failed(platter.failure);
    for (const [key, entry] of this.#pending) platter.append(key, entry);
    this.#pending.clear();
    if (durability === 'always') platter.sync();
    this.#answer(undefined);
  }

  #answer(error: Error | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done(error);
  }

  #failed(reason: string): void {
    this.refusal = `cannot write: ${reason}`;
    this.#pending.clear();
    this.#answer(new Error(this.refusal));
    this.#retryLater();
  }

  #retryLater(): void {
    const { platter, timers } = this.#options;
    timers.after(RETRY_MS, () => {
      if (this.#closed) return;
      if (platter.failure !== undefined || this.#store === undefined) return this.#retryLater();
      this.refusal = undefined;
      this.#pending.clear(); // all of it is in the checkpoint
      this.#checkpoint();
    });
  }

  #tickLater(): void {
    const { timers, platter, syncMs = DEFAULT_SYNC_MS, checkpointMs = DEFAULT_CHECKPOINT_MS } = this.#options;
    this.#cancelTick = timers.after(syncMs, () => {
      this.#sinceCheckpointMs += syncMs;
      if (this.#sinceCheckpointMs >= checkpointMs) this.#checkpoint();
      else if (platter.failure === undefined && this.refusal === undefined) platter.sync();
      if (!this.#closed) this.#tickLater();
    });
  }

  /** All at once, or nothing of it. */
  #checkpoint(): void {
    const { platter, now } = this.#options;
    const store = this.#store;
    if (store === undefined || platter.failure !== undefined || this.refusal !== undefined) return;
    for (const key of this.#dirty) platter.replace(key, store.lookup(key));
    this.#dirty.clear();
    this.#sinceCheckpointMs = 0;
    if (this.#remembered !== undefined) platter.identity = { ...this.#remembered, aliveAt: now() };
    platter.sync();
  }
}
