import type { RemovalReason } from './byte-lru-options.js';

/** What a cache has done since it was made or `resetStats` was called, and what it holds now. */
export interface ByteLruStats {
  readonly hits: number;
  /** `get` of a key that was absent or expired. */
  readonly misses: number;
  /** Values stored, new and overwritten; refused ones not counted. */
  readonly sets: number;
  /** Entries that left and values that were overwritten, by reason. */
  readonly removals: Readonly<Record<RemovalReason, number>>;
  /** Pages that were emptied by moving their records, and the records (or parts of one) that were moved. */
  readonly pagesMoved: number;
  readonly recordsMoved: number;
  /** Entries held, expired ones that have not been removed yet included. */
  readonly size: number;
  /** Keys and values. */
  readonly payloadBytes: number;
  /** Records: keys, values, headers and 16 bytes each. What `arenaBytes` has more is rounding and `freeBytes`. */
  readonly recordBytes: number;
  /** Free parts of the pages that hold records. */
  readonly freeBytes: number;
  /** Pages that hold records. */
  readonly arenaBytes: number;
  /** Pages of places and hash buckets. */
  readonly indexBytes: number;
  /** What counts against `maxBytes`: arena, index and tables. */
  readonly bytes: number;
  /** Pages that have ever been used, which stay with the process until `clear`. More than `bytes` after a shrink. */
  readonly touchedBytes: number;
}

/** The part of the statistics that is counted. */
export class ByteLruCounters {
  hits = 0;
  misses = 0;
  sets = 0;
  readonly removals: Record<RemovalReason, number> = { bytes: 0, entries: 0, expired: 0, replaced: 0, deleted: 0 };

  reset(): void {
    this.hits = this.misses = this.sets = 0;
    const { removals } = this;
    removals.bytes = removals.entries = removals.expired = removals.replaced = removals.deleted = 0;
  }
}
