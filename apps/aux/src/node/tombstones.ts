import { SLOT_COUNT } from '@dcs/consistent-hash';
import { LruCache } from '@dcs/lru-cache';
import { type Entry, sizeOf } from './entry.js';

export interface TombstonesOptions {
  readonly max: number;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  readonly seed: number;
  /** A tombstone is gone: its time was over, there were too many, or a newer entry took its place. `isEarly`: there were too many. */
  readonly onForget: (key: string, tombstone: Entry, isEarly: boolean) => void;
}

/**
 * Remembered deletes, bounded in number. Beyond the bound those that were put first are forgotten before their time,
 * which is counted: from then on a copy older than the delete could come back.
 */
export class Tombstones {
  /** Forgotten because of the bound. */
  dropped = 0;
  readonly #table: LruCache<string, Entry>;
  readonly #perSlot = new Uint32Array(SLOT_COUNT);
  /** Of their keys, and what else an entry takes. */
  bytes = 0;
  readonly #onForget: (key: string, tombstone: Entry, isEarly: boolean) => void;

  constructor({ max, now, seed, onForget }: TombstonesOptions) {
    this.#onForget = onForget;
    this.#table = new LruCache<string, Entry>({
      maxEntries: max,
      now,
      seed,
      onEvict: (key, tombstone, reason) => {
        if (reason === 'entries') this.dropped++;
        this.#forget(key, tombstone, reason === 'entries');
      },
    });
  }

  get size(): number {
    return this.#table.size;
  }

  inSlot(slot: number): number {
    return this.#perSlot[slot]!;
  }

  get(key: string): Entry | undefined {
    return this.#table.size === 0 ? undefined : this.#table.peek(key);
  }

  put(key: string, tombstone: Entry): void {
    this.delete(key);
    this.#perSlot[tombstone.slot]!++;
    this.bytes += sizeOf(key.length, 0);
    this.#table.set(key, tombstone, { expiresAt: tombstone.expiresAt });
  }

  delete(key: string): void {
    const tombstone = this.get(key);
    if (tombstone !== undefined && this.#table.delete(key)) this.#forget(key, tombstone, false);
  }

  clear(): void {
    this.#table.clear();
    this.#perSlot.fill(0);
    this.bytes = 0;
  }

  /** Forgets those whose time is over, looking at no more than `maxVisits`. Returns how many. */
  sweep(maxVisits: number): number {
    return this.#table.sweepExpired(maxVisits);
  }

  /** Walks the tombstones a step at a time: see `LruCache.scan`. */
  scan(cursor: number, count: number, visit: (key: string, tombstone: Entry) => void): number {
    return this.#table.scan(cursor, count, visit);
  }

  #forget(key: string, tombstone: Entry, isEarly: boolean): void {
    this.#perSlot[tombstone.slot]!--;
    this.bytes -= sizeOf(key.length, 0);
    this.#onForget(key, tombstone, isEarly);
  }
}
