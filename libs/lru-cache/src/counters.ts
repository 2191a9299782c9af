import type { EvictionReason } from './evictions.js';

/** What a cache has done since it was made or `resetStats` was called; `size` and `bytes` are as of now. */
export interface LruCacheStats {
  readonly hits: number;
  /** `get` of a key that was absent or expired. */
  readonly misses: number;
  /** Values stored, new and overwritten; refused ones not counted. */
  readonly sets: number;
  readonly evictions: Readonly<Record<EvictionReason, number>>;
  /** Entries that `delete` removed. */
  readonly deletes: number;
  readonly size: number;
  readonly bytes: number;
}

/** What the statistics are made of; `entries`, `bytes` and `expired` count evictions by reason. */
export class Counters {
  hits = 0;
  misses = 0;
  sets = 0;
  deletes = 0;
  entries = 0;
  bytes = 0;
  expired = 0;

  snapshot(size: number, bytes: number): LruCacheStats {
    return {
      hits: this.hits,
      misses: this.misses,
      sets: this.sets,
      evictions: { entries: this.entries, bytes: this.bytes, expired: this.expired },
      deletes: this.deletes,
      size,
      bytes,
    };
  }

  reset(): void {
    this.hits = this.misses = this.sets = this.deletes = 0;
    this.entries = this.bytes = this.expired = 0;
  }
}
