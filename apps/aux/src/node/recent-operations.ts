import type { FetchedResult, Version } from '@dcs/protocol';

/**
 * What an applied write answered. `value` of SET: created; DEL: deleted; TOUCH: found (0 or 1). INCR: the new number.
 */
export type OperationResult = FetchedResult;

const WAYS = 4;
/** Doubles per record: stamp ms, stamp low, slot, version ms, version low, value. */
const FIELDS = 6;

/**
 * Remembers the results of the last operations by their stamps, so that a repeated attempt answers the first result
 * instead of applying twice. A set-associative table of fixed size: O(1), and full of newer ones it forgets the oldest
 * of the four in a set. 50 bytes per record.
 */
export class RecentOperations {
  readonly #records: Float64Array;
  /** For each set: the latest stamp (ms) that it has forgotten. */
  readonly #forgotten: Float64Array;
  readonly #setMask: number;
  #isEmpty = true;

  /** @param capacity records; rounded up to a power of two */
  constructor(capacity: number) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(capacity, WAYS) / WAYS));
    this.#setMask = sets - 1;
    this.#records = new Float64Array(sets * WAYS * FIELDS);
    this.#forgotten = new Float64Array(sets);
  }

  /** A stamp belongs to one key; with the key's slot, what is remembered can be given to the slot's next owners. */
  record(stamp: Version, slot: number, version: Version, value: number): void {
    const records = this.#records;
    const set = this.#setOf(stamp, slot);
    let oldest = set * WAYS * FIELDS;
    let at = oldest;
    let isKnown = false;
    for (let way = 0; way < WAYS; way++, at += FIELDS) {
      if (records[at]! < records[oldest]!) oldest = at;
      if (records[at] === stamp.ms && records[at + 1] === stamp.low && records[at + 2] === slot) {
        oldest = at;
        isKnown = true;
        break;
      }
    }
    if (!isKnown && records[oldest]! > this.#forgotten[set]!) this.#forgotten[set] = records[oldest]!;
    this.#isEmpty = false;
    records[oldest] = stamp.ms;
    records[oldest + 1] = stamp.low;
    records[oldest + 2] = slot;
    records[oldest + 3] = version.ms;
    records[oldest + 4] = version.low;
    records[oldest + 5] = value;
  }

  find(stamp: Version, slot: number): OperationResult | undefined {
    const records = this.#records;
    let at = this.#setOf(stamp, slot) * WAYS * FIELDS;
    for (let way = 0; way < WAYS; way++, at += FIELDS) {
      if (records[at] === stamp.ms && records[at + 1] === stamp.low && records[at + 2] === slot) {
        return { version: { ms: records[at + 3]!, low: records[at + 4]! }, value: records[at + 5]! };
      }
    }
    return undefined;
  }

  /** Whether the operation may have been remembered here once, and had to make room. */
  mayHaveForgotten(stamp: Version, slot: number): boolean {
    return stamp.ms <= this.#forgotten[this.#setOf(stamp, slot)]!;
  }

  /**
   * Walks the records from a cursor that an earlier call returned (0 to begin), at most `visits` places, or until
   * `visit` returns false. Returns the next cursor, 0 at the end.
   */
  scan(
    cursor: number,
    visits: number,
    visit: (slot: number, stamp: Version, result: OperationResult) => boolean,
  ): number {
    const records = this.#records;
    const capacity = records.length / FIELDS;
    if (this.#isEmpty) return 0;
    const end = Math.min(capacity, cursor + visits);
    for (let place = cursor; place < end; place++) {
      const at = place * FIELDS;
      const ms = records[at]!;
      if (ms === 0) continue;
      const result = { version: { ms: records[at + 3]!, low: records[at + 4]! }, value: records[at + 5]! };
      if (!visit(records[at + 2]!, { ms, low: records[at + 1]! }, result)) return (place + 1) % capacity;
    }
    return end % capacity;
  }

  clear(): void {
    if (this.#isEmpty) return;
    this.#records.fill(0);
    this.#forgotten.fill(0);
    this.#isEmpty = true;
  }

  /** The set that the operation belongs into. */
  #setOf(stamp: Version, slot: number): number {
    let mixed = Math.imul(stamp.ms ^ slot, 0x85ebca6b);
    mixed = Math.imul(mixed ^ stamp.low ^ Math.floor(stamp.low / 2 ** 32), 0xc2b2ae35);
    mixed ^= mixed >>> 15;
    return mixed & this.#setMask;
  }
}
