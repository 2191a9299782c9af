import { Cursors } from './cursors.js';
import { EntryTable, MAX_SLOTS } from './entry-table.js';
import { invalid } from './errors.js';
import { EvictionReports } from './evictions.js';
import { Counters, type LruCacheStats } from './counters.js';
import { hashKey, plainNumber, randomSeed } from './hash.js';
import {
  type LruCacheOptions,
  type SetOptions,
  checkCount,
  checkExpiresAt,
  checkOptions,
  checkSize,
  expiryFor,
  KEEP,
  sizeFor,
} from './options.js';

/**
 * An exact least-recently-used cache, bounded by entries, by bytes or by both, with a time to live per entry.
 *
 * Every operation on one key is O(1) expected and allocates nothing of its own, except where it says otherwise. Keys
 * are strings and finite numbers; `1` and `'1'` are two keys, -0 is 0. Any value may be stored, `undefined` too: `has`
 * tells it from absence.
 *
 * The last parameter of the methods that take a key is its hash, for callers who already have one: an int32 that
 * depends on the key alone and is well mixed in its low bits. Give it in all calls of a cache or in none.
 *
 * An expired entry is absent to every method, but occupies its place (and counts in `size` and `bytes`) until a `get`
 * or `set` of its key, `sweepExpired` or a bound removes it. An entry is expired when `now() >= expiresAt`.
 *
 * `onEvict` runs when the change that it reports is complete, before the method that caused it returns, and may call
 * any method. Evictions that it causes are reported after it returns. If it throws, the other reports are still
 * delivered and the first error is then thrown by the method, whose effect stands.
 */
export class LruCache<K extends string | number, V> {
  /** The bound by entries; `undefined` when there is none. */
  readonly maxEntries: number | undefined;
  /** The bound by bytes; `undefined` when there is none. */
  readonly maxBytes: number | undefined;

  readonly #table: EntryTable<K, V>;
  readonly #cursors = new Cursors();
  readonly #counters = new Counters();
  readonly #reports: EvictionReports<K, V> | undefined;
  readonly #entryLimit: number;
  readonly #byteLimit: number;
  readonly #sizeOf: ((value: V, key: K) => number) | undefined;
  /** 0 = for ever. */
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #seed: number;
  /** Whether every entry must have a size. */
  readonly #measured: boolean;

  #bytes = 0;
  #sweepAt = 1;

  /** @throws LruCacheError when an option is invalid or unknown, or when neither bound is given */
  constructor(options: LruCacheOptions<K, V>) {
    checkOptions(options);
    const { maxEntries, maxBytes, sizeOf, ttlMs, onEvict, now, seed } = options;
    this.maxEntries = maxEntries;
    this.maxBytes = maxBytes;
    this.#entryLimit = maxEntries ?? MAX_SLOTS;
    this.#byteLimit = maxBytes ?? Infinity;
    this.#sizeOf = sizeOf;
    this.#ttlMs = ttlMs ?? 0;
    this.#now = now ?? Date.now;
    this.#seed = seed ?? randomSeed();
    this.#measured = maxBytes !== undefined || sizeOf !== undefined;
    this.#reports = onEvict && new EvictionReports(onEvict);
    this.#table = new EntryTable(maxEntries, this.#cursors);
  }

  /** Entries held, expired ones that have not been removed yet included. */
  get size(): number {
    return this.#table.size;
  }

  /** Sum of the sizes of the entries held; 0 when sizes were never given. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The cache's own seeded hash of a key, an int32. O(length) for strings, O(1) for numbers.
   * @throws LruCacheError `ERR_KEY_INVALID` for what is neither a string nor a finite number
   */
  hashOf(key: K): number {
    return hashKey(key, this.#seed);
  }

  /**
   * The entry's place, from 1 to `maxEntries`: the same from its first `set` until it is removed, expired or not, and
   * then another entry's. 0 when there is none. For columns that the caller keeps beside the cache, and for
   * {@link peekAt} and {@link setAt}, which look nothing up.
   */
  placeOf(key: K, hash: number = hashKey(key, this.#seed)): number {
    return this.#table.find(key, hash | 0);
  }

  /**
   * What `peek` of the key at `place` would return.
   * @throws LruCacheError `ERR_ARGUMENT_INVALID` where no entry is
   */
  peekAt(place: number): V | undefined {
    this.#checkPlace(place);
    return this.#fresh(place);
  }

  #fresh(place: number): V | undefined {
    const { expiries } = this.#table;
    return expiries !== undefined && this.#isExpired(place, expiries) ? undefined : this.#table.value(place);
  }

  /**
   * As `set` of the key at `place`, which is overwritten even if it has expired.
   * @throws LruCacheError before anything changes when no entry is there, or `size` or `expiresAt` is invalid
   */
  setAt(place: number, value: V, size: number, expiresAt: number): boolean {
    this.#checkPlace(place);
    checkSize('size', size);
    checkExpiresAt('ERR_ARGUMENT_INVALID', expiresAt);
    const fits = this.#replace(place, value, size, expiresAt);
    this.#reports?.deliver();
    return fits;
  }

  /** The value, which becomes the most recent; `undefined` when absent. Removes the entry if it has expired. */
  get(key: K, hash: number = hashKey(key, this.#seed)): V | undefined {
    const table = this.#table;
    const slot = table.find(key, hash | 0);
    if (slot === 0) {
      this.#counters.misses++;
      return undefined;
    }
    if (table.expiries !== undefined && this.#isExpired(slot, table.expiries)) {
      this.#counters.misses++;
      this.#expire(slot);
      this.#reports?.deliver();
      return undefined;
    }
    this.#counters.hits++;
    table.touch(slot);
    return table.value(slot);
  }

  /** The value, without a change of recency or statistics. */
  peek(key: K, hash: number = hashKey(key, this.#seed)): V | undefined {
    const slot = this.#table.find(key, hash | 0);
    return slot === 0 ? undefined : this.#fresh(slot);
  }

  /** Whether the key is there, without a change of recency or statistics. */
  has(key: K, hash: number = hashKey(key, this.#seed)): boolean {
    return this.#findFresh(key, hash) !== 0;
  }

  /**
   * Stores a value as the most recent entry and evicts from the other end while a bound is exceeded. An overwrite
   * replaces value, size and expiry (unless `keepTtl`) and is no eviction.
   *
   * @returns `false` when the entry alone is larger than `maxBytes`: it is not stored, and the value that the key
   * had, if any, is removed (unreported, like an overwrite), so that no outdated value stays behind.
   * @throws LruCacheError before anything changes when the key or an option is invalid
   */
  set(key: K, value: V, options?: SetOptions, hash: number = hashKey(key, this.#seed)): boolean {
    const stored = typeof key === 'string' ? key : (plainNumber(key) as K);
    const size = this.#measured || options?.size !== undefined ? sizeFor(value, stored, options, this.#sizeOf) : 0;
    let expiresAt = expiryFor(options, this.#ttlMs, this.#now);

    const table = this.#table;
    let slot = table.find(stored, hash | 0);
    if (slot !== 0 && table.expiries !== undefined && this.#isExpired(slot, table.expiries)) {
      this.#expire(slot);
      slot = 0;
    }
    if (slot === 0 && expiresAt === KEEP) expiresAt = expiryFor(undefined, this.#ttlMs, this.#now);
    const fits =
      slot === 0 ? this.#insert(stored, value, hash | 0, size, expiresAt) : this.#replace(slot, value, size, expiresAt);
    this.#reports?.deliver();
    return fits;
  }

  /** Removes a key; `true` when it was there. An entry that had expired counts as expired, and as not there. */
  delete(key: K, hash: number = hashKey(key, this.#seed)): boolean {
    const table = this.#table;
    const slot = table.find(key, hash | 0);
    if (slot === 0) return false;
    if (table.expiries !== undefined && this.#isExpired(slot, table.expiries)) {
      this.#expire(slot);
      this.#reports?.deliver();
      return false;
    }
    this.#remove(slot);
    this.#counters.deletes++;
    return true;
  }

  /** Removes everything and gives the memory back. Reports nothing, ends open iterations; statistics stay. O(1). */
  clear(): void {
    this.#table.clear();
    this.#bytes = 0;
    this.#sweepAt = 1;
  }

  /** When the entry expires, in ms on the cache's clock; 0 = never; `undefined` when absent. No change of recency. */
  expiresAt(key: K, hash: number = hashKey(key, this.#seed)): number | undefined {
    const slot = this.#findFresh(key, hash);
    return slot === 0 ? undefined : (this.#table.expiries?.[slot] ?? 0);
  }

  /**
   * Changes when an entry expires; `false` when it is absent. No change of recency.
   * @param expiresAt absolute ms on the cache's clock, 0 = never; a time in the past makes the entry absent at once
   */
  setExpiry(key: K, expiresAt: number, hash: number = hashKey(key, this.#seed)): boolean {
    checkExpiresAt('ERR_ARGUMENT_INVALID', expiresAt);
    const slot = this.#findFresh(key, hash);
    if (slot === 0) return false;
    if (expiresAt !== 0 || this.#table.expiries !== undefined) this.#table.withExpiries()[slot] = expiresAt;
    return true;
  }

  /**
   * Removes expired entries, looking at no more than `maxVisits` records: O(maxVisits). Resumes where the last call
   * stopped and wraps around, so calls in a row cover the cache. Does nothing while no entry has ever had an expiry.
   * @returns how many were removed
   */
  sweepExpired(maxVisits: number): number {
    checkCount('maxVisits', maxVisits, 1);
    const table = this.#table;
    const expiries = table.expiries;
    if (expiries === undefined) return 0;
    const now = this.#now();
    let removed = 0;
    let slot = this.#sweepAt;
    for (let left = Math.min(maxVisits, table.end - 1); left > 0; left--) {
      if (slot >= table.end) slot = 1;
      const expiresAt = expiries[slot]!;
      if (expiresAt !== 0 && expiresAt <= now && table.isLive(slot)) {
        this.#expire(slot);
        removed++;
      }
      slot++;
    }
    this.#sweepAt = slot;
    this.#reports?.deliver();
    return removed;
  }

  /**
   * Walks the records in no particular order, a step at a time; expired entries are skipped. A record never moves
   * while its entry lives: an entry that is there throughout a scan is visited exactly once, whatever else is added
   * or removed between the steps or by `visit`; one that comes or goes meanwhile may or may not be visited.
   *
   * @param cursor 0 to begin, afterwards what the last call returned
   * @param count records to look at in this step (free ones count), >= 1: O(count)
   * @returns the next cursor; 0 when the scan is complete
   */
  scan(cursor: number, count: number, visit: (key: K, value: V, expiresAt: number) => void): number {
    checkCount('cursor', cursor, 0);
    checkCount('count', count, 1);
    const table = this.#table;
    const now = table.expiries === undefined ? 0 : this.#now();
    let slot = cursor === 0 ? 1 : cursor;
    for (let left = count; left > 0 && slot < table.end; left--, slot++) {
      if (!table.isLive(slot)) continue;
      const expiresAt = table.expiries?.[slot] ?? 0;
      if (expiresAt === 0 || expiresAt > now) visit(table.key(slot), table.value(slot), expiresAt);
    }
    return slot < table.end ? slot : 0;
  }

  /** A snapshot of the counters. */
  stats(): LruCacheStats {
    return this.#counters.snapshot(this.size, this.#bytes);
  }

  /** Sets every counter to 0; `size` and `bytes` are not counters. */
  resetStats(): void {
    this.#counters.reset();
  }

  /**
   * `[key, value]` from the most to the least recent, without a change of recency; expired entries are skipped.
   * The cache may change meanwhile: an entry that is removed, or that becomes the most recent, before its turn is
   * not visited; one that is added meanwhile is not visited; none is visited twice; `clear` ends the iteration.
   * While an iteration is open, every removal and change of recency costs a little more.
   */
  *entries(): IterableIterator<[K, V]> {
    for (const slot of this.#walk()) yield [this.#table.key(slot), this.#table.value(slot)];
  }

  /** Keys in the order and by the rules of `entries`. */
  *keys(): IterableIterator<K> {
    for (const slot of this.#walk()) yield this.#table.key(slot);
  }

  /** Values in the order and by the rules of `entries`. */
  *values(): IterableIterator<V> {
    for (const slot of this.#walk()) yield this.#table.value(slot);
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /** Calls `visit` for every entry, in the order and by the rules of `entries`. */
  forEach(visit: (value: V, key: K, cache: this) => void): void {
    for (const slot of this.#walk()) visit(this.#table.value(slot), this.#table.key(slot), this);
  }

  *#walk(): Generator<number, void> {
    const table = this.#table;
    for (const slot of this.#cursors.walk(table)) {
      if (table.expiries === undefined || !this.#isExpired(slot, table.expiries)) yield slot;
    }
  }

  #checkPlace(place: number): void {
    if (Number.isInteger(place) && place > 0 && place < this.#table.end && this.#table.isLive(place)) return;
    throw invalid('ERR_ARGUMENT_INVALID', 'place', place, 'what placeOf gave for an entry that is still there');
  }

  #isExpired(slot: number, expiries: Float64Array): boolean {
    const expiresAt = expiries[slot]!;
    return expiresAt !== 0 && expiresAt <= this.#now();
  }

  #findFresh(key: K, hash: number): number {
    const slot = this.#table.find(key, hash | 0);
    const expiries = this.#table.expiries;
    return slot !== 0 && expiries !== undefined && this.#isExpired(slot, expiries) ? 0 : slot;
  }

  #insert(key: K, value: V, hash: number, size: number, expiresAt: number): boolean {
    if (size > this.#byteLimit) return false;
    const table = this.#table.withColumnsFor(size, expiresAt);
    this.#reports?.checkCascade();
    let slot: number;
    if (table.size === this.#entryLimit) {
      const last = table.last;
      this.#counters.entries++;
      this.#reports?.push(table.key(last), table.value(last), 'entries');
      if (table.sizes !== undefined) this.#bytes -= table.sizes[last]!;
      slot = table.replaceLast(key, value, hash);
    } else {
      slot = table.insert(key, value, hash);
    }
    if (table.sizes !== undefined) table.sizes[slot] = size;
    if (table.expiries !== undefined) table.expiries[slot] = expiresAt;
    this.#counters.sets++;
    this.#bytes += size;
    this.#trim();
    return true;
  }

  #replace(slot: number, value: V, size: number, expiresAt: number): boolean {
    if (size > this.#byteLimit) {
      this.#remove(slot);
      return false;
    }
    const table = this.#table.withColumnsFor(size, expiresAt);
    table.setValue(slot, value);
    table.touch(slot);
    if (table.expiries !== undefined && expiresAt !== KEEP) table.expiries[slot] = expiresAt;
    this.#counters.sets++;
    if (table.sizes === undefined) return true;
    this.#bytes += size - table.sizes[slot]!;
    table.sizes[slot] = size;
    this.#trim();
    return true;
  }

  /** The entry that was just set is the last to go and fits, so the loop ends before it. */
  #trim(): void {
    while (this.#bytes > this.#byteLimit) {
      const last = this.#table.last;
      this.#counters.bytes++;
      this.#reports?.push(this.#table.key(last), this.#table.value(last), 'bytes');
      this.#remove(last);
    }
  }

  #expire(slot: number): void {
    this.#counters.expired++;
    this.#reports?.push(this.#table.key(slot), this.#table.value(slot), 'expired');
    this.#remove(slot);
  }

  #remove(slot: number): void {
    const table = this.#table;
    if (table.sizes !== undefined) this.#bytes -= table.sizes[slot]!;
    table.remove(slot);
  }
}
