import type { Entry } from './entry.js';

/** When the bound is hit this share of the oldest goes at once: finding the first of a large Map is not free. */
const DROP_SHARE = 64;

/**
 * Remembered deletes, in the order in which they came, bounded in number. Beyond the bound the oldest are forgotten
 * before their time, which is counted: from then on a copy older than the delete could come back.
 */
export class Tombstones {
  readonly #byKey = new Map<string, Entry>();
  readonly #max: number;
  /** Forgotten because of the bound. */
  dropped = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Entry | undefined {
    return this.#byKey.size === 0 ? undefined : this.#byKey.get(key);
  }

  put(key: string, tombstone: Entry): void {
    this.#byKey.delete(key); // so that it goes to the end
    if (this.#byKey.size >= this.#max) this.#dropOldest(Math.ceil(this.#max / DROP_SHARE));
    this.#byKey.set(key, tombstone);
  }

  delete(key: string): void {
    if (this.#byKey.size !== 0) this.#byKey.delete(key);
  }

  clear(): void {
    this.#byKey.clear();
  }

  /** Forgets those whose time is over, the oldest first, looking at no more than `maxVisits`. Returns how many. */
  sweep(now: number, maxVisits: number): number {
    let removed = 0;
    for (const [key, tombstone] of this.#byKey) {
      if (removed >= maxVisits || tombstone.expiresAt > now) break;
      this.#byKey.delete(key);
      removed++;
    }
    return removed;
  }

  #dropOldest(count: number): void {
    let left = count;
    for (const key of this.#byKey.keys()) {
      if (left-- === 0) break;
      this.#byKey.delete(key);
      this.dropped++;
    }
  }
}
