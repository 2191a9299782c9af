import { LruCacheError } from './errors.js';

/*
 * One entry is one slot: a 16-byte record of int32 in `records`, and a key/value pair in `pages`.
 *
 *   heads    [ 3 | 0 | 1 | ...                    slot that begins each bucket's chain, 0 = empty
 *   records  [next prev chain hash | next prev ... record of slot s begins at index 4 * s
 *   pages    [[-, -, key1, value1, key2, value2, ...], ...]
 *
 * Slot 0 is no entry but the sentinel of the circular recency list: its `next` is the most recent slot, its `prev`
 * the least recent. A free slot has `prev` = FREE and its `next` leads to the next free slot. A record never moves
 * while its entry lives.
 *
 * The buckets grow by linear hashing (Litwin, VLDB 1980): every insertion splits at most a few buckets, so there is
 * no rehash of the whole table at once. Key/value pairs lie in pages, so that no array has to be copied to grow and no
 * engine limit on the length of an array applies.
 */
export const NEXT = 0;
export const PREV = 1;
const CHAIN = 2;
const HASH = 3;
const FREE = -1;

const PAGE_BITS = 15;
const PAGE_SLOTS = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SLOTS - 1;

/** The most entries that one table can hold: record indexes stay within 31 bits. */
export const MAX_SLOTS = 2 ** 28 - 1;
/**
 * Without a bound by entries the columns begin with this many slots and grow by this factor. Both are large because
 * what is reserved and not used costs address space only, and every copy is a pause.
 */
const FIRST_CAPACITY = 2 ** 17;
const GROWTH = 8;
const FIRST_BUCKETS = 8;
/** Average chain length at which buckets split, until there are as many as `heads` holds. */
const LOAD_FACTOR = 0.75;

/** Told when a slot leaves its place in the recency list, so that open iterators can step off it. */
export interface ListObserver {
  /** Number of open iterators; while it is 0 `leaving` is not called. */
  readonly open: number;
  /** @param older its less recent neighbour @param newer its more recent one; 0 = none */
  leaving(slot: number, older: number, newer: number): void;
  closing(): void;
}

/**
 * A chained hash table and a doubly linked recency list over the same records. It knows nothing of time, sizes or
 * bounds; `expiries` and `sizes` are columns that its owner fills. Every operation is O(1) expected.
 */
export class EntryTable<K extends string | number, V> {
  /** Live entries. */
  size = 0;
  /** One past the highest slot ever used; slots from 1 to here are live or free. */
  end = 1;
  records: Int32Array;
  /** Absolute expiry in ms per slot, 0 = never; absent until an entry needs it. */
  expiries: Float64Array | undefined;
  /** Bytes per slot; absent until an entry needs it. */
  sizes: Float64Array | undefined;

  #heads: Uint32Array;
  #pages: unknown[][];
  #free = 0;
  #buckets = FIRST_BUCKETS;
  #highMask = FIRST_BUCKETS - 1;
  #lowMask = (FIRST_BUCKETS >>> 1) - 1;
  /** Slots that the typed arrays have room for, the sentinel included. */
  #capacity: number;
  readonly #fixed: number | undefined;
  readonly #observer: ListObserver;

  /**
   * @param fixed most entries that there will ever be: address space for all of them is reserved at once, and the
   * operating system commits it page by page as it is used. Without it the arrays grow in steps.
   */
  constructor(fixed: number | undefined, observer: ListObserver) {
    this.#fixed = fixed;
    this.#observer = observer;
    this.#capacity = (fixed ?? FIRST_CAPACITY) + 1;
    this.records = reserve(() => new Int32Array(this.#capacity * 4));
    this.#heads = reserve(() => new Uint32Array(bucketsFor(this.#capacity - 1)));
    this.#pages = [emptyPage(this.#capacity)];
  }

  /** The slot of `key`, 0 when it is not there. */
  find(key: K, hash: number): number {
    const records = this.records;
    let slot = this.#heads[this.#bucketOf(hash)]!;
    while (slot !== 0) {
      const record = slot << 2;
      if (records[record + HASH] === hash && this.#pages[slot >>> PAGE_BITS]![(slot & PAGE_MASK) << 1] === key) {
        return slot;
      }
      slot = records[record + CHAIN]!;
    }
    return 0;
  }

  key(slot: number): K {
    return this.#pages[slot >>> PAGE_BITS]![(slot & PAGE_MASK) << 1] as K;
  }

  value(slot: number): V {
    return this.#pages[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << 1) + 1] as V;
  }

  setValue(slot: number, value: V): void {
    this.#pages[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << 1) + 1] = value;
  }

  isLive(slot: number): boolean {
    return this.records[(slot << 2) + PREV] !== FREE;
  }

  /** The slot after `slot` in recency order, 0 at the end. `after(0)` is the most recent. */
  after(slot: number): number {
    return this.records[(slot << 2) + NEXT]!;
  }

  /** The slot before `slot` in recency order, 0 at the beginning. `before(0)` is the least recent. */
  before(slot: number): number {
    return this.records[(slot << 2) + PREV]!;
  }

  /** The least recent slot, 0 when empty. */
  get last(): number {
    return this.records[PREV]!;
  }

  /** Adds a key that is not there, as the most recent. The caller has checked that there is room. */
  insert(key: K, value: V, hash: number): number {
    let slot = this.#free;
    if (slot !== 0) {
      this.#free = this.records[(slot << 2) + NEXT]!;
      const page = this.#pages[slot >>> PAGE_BITS]!;
      const pair = (slot & PAGE_MASK) << 1;
      page[pair] = key;
      page[pair + 1] = value;
    } else {
      slot = this.#appendSlot(key, value);
    }
    const records = this.records;
    const heads = this.#heads;
    const bucket = this.#bucketOf(hash);
    const record = slot << 2;
    records[record + CHAIN] = heads[bucket]!;
    records[record + HASH] = hash;
    heads[bucket] = slot;
    const first = records[NEXT]!;
    records[record + NEXT] = first;
    records[record + PREV] = 0;
    records[(first << 2) + PREV] = slot;
    records[NEXT] = slot;
    this.size++;
    if (this.size > this.#buckets * LOAD_FACTOR) this.#split();
    return slot;
  }

  /** Makes `slot` the most recent. */
  touch(slot: number): void {
    const records = this.records;
    const first = records[NEXT]!;
    if (first === slot) return;
    const record = slot << 2;
    const next = records[record + NEXT]!;
    const prev = records[record + PREV]!;
    if (this.#observer.open !== 0) this.#observer.leaving(slot, next, prev);
    records[(prev << 2) + NEXT] = next;
    records[(next << 2) + PREV] = prev;
    records[record + NEXT] = first;
    records[record + PREV] = 0;
    records[(first << 2) + PREV] = slot;
    records[NEXT] = slot;
  }

  /** Frees `slot` and lets go of its key and value. */
  remove(slot: number): void {
    const records = this.records;
    const record = slot << 2;
    const next = records[record + NEXT]!;
    const prev = records[record + PREV]!;
    if (this.#observer.open !== 0) this.#observer.leaving(slot, next, prev);
    records[(prev << 2) + NEXT] = next;
    records[(next << 2) + PREV] = prev;

    this.#unchain(slot);

    const page = this.#pages[slot >>> PAGE_BITS]!;
    const pair = (slot & PAGE_MASK) << 1;
    page[pair] = undefined;
    page[pair + 1] = undefined;
    records[record + PREV] = FREE;
    records[record + NEXT] = this.#free;
    this.#free = slot;
    this.size--;
  }

  /** What `remove(last)` and `insert` do together, in one go: the most frequent change of a full cache. */
  replaceLast(key: K, value: V, hash: number): number {
    const slot = this.last;
    this.touch(slot);
    this.#unchain(slot);
    const records = this.records;
    const heads = this.#heads;
    const bucket = this.#bucketOf(hash);
    const record = slot << 2;
    records[record + CHAIN] = heads[bucket]!;
    records[record + HASH] = hash;
    heads[bucket] = slot;
    const page = this.#pages[slot >>> PAGE_BITS]!;
    const pair = (slot & PAGE_MASK) << 1;
    page[pair] = key;
    page[pair + 1] = value;
    return slot;
  }

  /** Empties the table and gives its memory back. */
  clear(): void {
    const capacity = (this.#fixed ?? FIRST_CAPACITY) + 1;
    const records = reserve(() => new Int32Array(capacity * 4));
    const heads = reserve(() => new Uint32Array(bucketsFor(capacity - 1)));
    this.#observer.closing();
    this.records = records;
    this.#heads = heads;
    this.#capacity = capacity;
    this.#buckets = FIRST_BUCKETS;
    this.#highMask = FIRST_BUCKETS - 1;
    this.#lowMask = (FIRST_BUCKETS >>> 1) - 1;
    this.#pages = [emptyPage(capacity)];
    this.expiries = undefined;
    this.sizes = undefined;
    this.#free = 0;
    this.size = 0;
    this.end = 1;
  }

  /** The expiry column, allocated on its first use. */
  withExpiries(): Float64Array {
    return (this.expiries ??= reserve(() => new Float64Array(this.#capacity)));
  }

  /** This table, with the columns that an entry of this size and expiry needs. */
  withColumnsFor(size: number, expiresAt: number): this {
    if (size !== 0) this.sizes ??= reserve(() => new Float64Array(this.#capacity));
    if (expiresAt > 0) this.withExpiries();
    return this;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#highMask;
    return bucket < this.#buckets ? bucket : bucket & this.#lowMask;
  }

  #unchain(slot: number): void {
    const records = this.records;
    const record = slot << 2;
    const chained = records[record + CHAIN]!;
    const bucket = this.#bucketOf(records[record + HASH]!);
    let at = this.#heads[bucket]!;
    if (at === slot) {
      this.#heads[bucket] = chained;
      return;
    }
    while (records[(at << 2) + CHAIN] !== slot) at = records[(at << 2) + CHAIN]!;
    records[(at << 2) + CHAIN] = chained;
  }

  #appendSlot(key: K, value: V): number {
    const slot = this.end;
    if (slot === this.#capacity) this.#grow();
    if ((slot & PAGE_MASK) === 0) this.#pages.push(emptyPage(PAGE_SLOTS));
    const page = this.#pages[slot >>> PAGE_BITS]!;
    const pair = (slot & PAGE_MASK) << 1;
    if (pair < page.length) {
      page[pair] = key;
      page[pair + 1] = value;
    } else {
      page.push(key, value); // the first page of a table that grows
    }
    this.end = slot + 1;
    return slot;
  }

  /** Enlarges the columns: a copy of 20 to 36 bytes per entry, without touching the chains. */
  #grow(): void {
    const capacity = Math.min((this.#capacity - 1) * GROWTH, MAX_SLOTS) + 1;
    const records = reserve(() => new Int32Array(capacity * 4));
    const expiries = this.expiries && reserve(() => new Float64Array(capacity));
    const sizes = this.sizes && reserve(() => new Float64Array(capacity));
    const heads = reserve(() => new Uint32Array(bucketsFor(capacity - 1)));
    records.set(this.records);
    if (expiries && this.expiries) expiries.set(this.expiries);
    if (sizes && this.sizes) sizes.set(this.sizes);
    heads.set(this.#heads);
    this.records = records;
    this.expiries = expiries;
    this.sizes = sizes;
    this.#heads = heads;
    this.#capacity = capacity;
  }

  /** One step of linear hashing: splits the next bucket in line, up to as many as the load factor asks for. */
  #split(): void {
    const heads = this.#heads;
    const records = this.records;
    while (this.#buckets < heads.length && this.size > this.#buckets * LOAD_FACTOR) {
      if (this.#buckets > this.#highMask) {
        this.#lowMask = this.#highMask;
        this.#highMask = this.#highMask * 2 + 1;
      }
      const upper = this.#buckets++;
      const lower = upper & this.#lowMask;
      let slot = heads[lower]!;
      let stay = 0;
      let move = 0;
      while (slot !== 0) {
        const record = slot << 2;
        const chained = records[record + CHAIN]!;
        if ((records[record + HASH]! & this.#highMask) === upper) {
          records[record + CHAIN] = move;
          move = slot;
        } else {
          records[record + CHAIN] = stay;
          stay = slot;
        }
        slot = chained;
      }
      heads[lower] = stay;
      heads[upper] = move;
    }
  }
}

/** A page of exactly the size it needs; filled, so that all pages have one elements kind whatever the keys are. */
function emptyPage(slots: number): unknown[] {
  return new Array<unknown>(Math.min(slots, PAGE_SLOTS) * 2).fill(undefined);
}

/** The power of two that is at least `entries`. */
function bucketsFor(entries: number): number {
  return Math.max(FIRST_BUCKETS, 2 ** Math.ceil(Math.log2(entries)));
}

function reserve<T>(allocate: () => T): T {
  try {
    return allocate();
  } catch (cause) {
    throw new LruCacheError('ERR_ALLOCATION', 'the memory for the entry records could not be reserved', cause);
  }
}
