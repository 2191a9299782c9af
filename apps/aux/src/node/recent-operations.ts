import type { Version } from '@dcs/protocol';

/** What an applied write answered. */
export interface OperationResult {
  readonly version: Version;
  /** SET: created; DEL: deleted; TOUCH: found (0 or 1). INCR: the new value. */
  readonly value: number;
}

const WAYS = 4;
/** Doubles per record: stamp ms, stamp low, key hash, version ms, version low, value. */
const FIELDS = 6;

/**
 * Remembers the results of the last operations by their stamps, so that a repeated attempt answers the first result
 * instead of applying twice. A set-associative table of fixed size: O(1), and full of newer ones it forgets the oldest
 * of the four in a set. 48 bytes per record.
 */
export class RecentOperations {
  readonly #records: Float64Array;
  readonly #setMask: number;

  /** @param capacity records; rounded up to a power of two */
  constructor(capacity: number) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(capacity, WAYS) / WAYS));
    this.#setMask = sets - 1;
    this.#records = new Float64Array(sets * WAYS * FIELDS);
  }

  /** @param hash of the key: one stamp may cover several keys */
  remember(stamp: Version, hash: number, version: Version, value: number): void {
    const records = this.#records;
    let oldest = this.#setOf(stamp, hash);
    let at = oldest;
    for (let way = 0; way < WAYS; way++, at += FIELDS) {
      if (records[at]! < records[oldest]!) oldest = at;
      if (records[at] === stamp.ms && records[at + 1] === stamp.low && records[at + 2] === hash) {
        oldest = at;
        break;
      }
    }
    records[oldest] = stamp.ms;
    records[oldest + 1] = stamp.low;
    records[oldest + 2] = hash;
    records[oldest + 3] = version.ms;
    records[oldest + 4] = version.low;
    records[oldest + 5] = value;
  }

  find(stamp: Version, hash: number): OperationResult | undefined {
    const records = this.#records;
    let at = this.#setOf(stamp, hash);
    for (let way = 0; way < WAYS; way++, at += FIELDS) {
      if (records[at] === stamp.ms && records[at + 1] === stamp.low && records[at + 2] === hash) {
        return { version: { ms: records[at + 3]!, low: records[at + 4]! }, value: records[at + 5]! };
      }
    }
    return undefined;
  }

  #setOf(stamp: Version, hash: number): number {
    let mixed = Math.imul(stamp.ms % 2 ** 32 ^ hash, 0x85ebca6b);
    mixed = Math.imul(mixed ^ stamp.low % 2 ** 32 ^ Math.floor(stamp.low / 2 ** 32), 0xc2b2ae35);
    mixed ^= mixed >>> 15;
    return (mixed & this.#setMask) * WAYS * FIELDS;
  }
}
