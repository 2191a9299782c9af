import { LruCacheError } from './errors.js';

/**
 * Why the cache dropped an entry by itself: which bound pushed it out. `delete`, `clear` and an overwrite are the
 * caller's doing and are not evictions.
 */
export type EvictionReason = 'entries' | 'bytes' | 'expired';

/** Evictions that `onEvict` may cause while earlier ones are being reported, per outermost call. */
export const MAX_CASCADE = 1000;

/**
 * Evictions on their way to `onEvict`. They are queued while the cache changes and delivered, in order, when it is
 * consistent again, so a callback may use the cache freely. What a callback evicts is reported after it returns, not
 * inside it. A callback that throws stops neither the cache nor the other reports: the first error is thrown once all
 * have been delivered.
 */
export class EvictionReports<K, V> {
  readonly #onEvict: (key: K, value: V, reason: EvictionReason) => void;
  #queue: { key: K; value: V; reason: EvictionReason }[] = [];
  #delivering = false;
  #cascade = 0;

  constructor(onEvict: (key: K, value: V, reason: EvictionReason) => void) {
    this.#onEvict = onEvict;
  }

  push(key: K, value: V, reason: EvictionReason): void {
    if (this.#delivering) this.#cascade++;
    this.#queue.push({ key, value, reason });
  }

  /** @throws LruCacheError `ERR_EVICT_CASCADE` when callbacks have evicted more than `MAX_CASCADE` entries in one go */
  checkCascade(): void {
    if (this.#cascade < MAX_CASCADE) return;
    throw new LruCacheError(
      'ERR_EVICT_CASCADE',
      `onEvict has caused ${MAX_CASCADE} further evictions; it must not add a new entry for every evicted one`,
    );
  }

  deliver(): void {
    if (this.#delivering || this.#queue.length === 0) return;
    this.#delivering = true;
    let failed = false;
    let failure: unknown;
    // The queue is replaced batch by batch, so that what was delivered can be collected.
    while (this.#queue.length !== 0) {
      const batch = this.#queue;
      this.#queue = [];
      for (const { key, value, reason } of batch) {
        try {
          this.#onEvict(key, value, reason);
        } catch (error) {
          if (!failed) failure = error;
          failed = true;
        }
      }
    }
    this.#delivering = false;
    this.#cascade = 0;
    if (failed) throw failure;
  }
}
