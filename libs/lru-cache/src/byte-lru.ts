import {
  type ByteLruOptions,
  type ByteSetOptions,
  type RemovalReason,
  checkExpiry,
  checkKey,
  checkOptions,
  checkSetOptions,
  checkSlice,
  MAX_ENTRIES,
  MAX_EXPIRY,
} from './byte-lru-options.js';
import { ByteLruCounters, type ByteLruStats } from './byte-lru-stats.js';
import { hashBytes } from './byte-hash.js';
import { ByteStorage } from './byte-storage.js';
import type { Order } from './cursors.js';
import { EntryReader } from './entry-reader.js';
import { LruCacheError, invalid } from './errors.js';
import { randomSeed } from './hash.js';
import { checkCount } from './options.js';
import type { PlaceIndex } from './place-index.js';
import type { Records } from './records.js';

/** The expiry of an entry that keeps the one it has. */
const KEEP = -1;
/**
 * An exact least-recently-used cache whose keys and values are bytes outside the JavaScript heap: the garbage collector
 * sees none of its entries, however many they are. Bounded by entries, by the memory that it really takes, or by both,
 * with a time to live and a fixed-size header of the caller's own fields per entry.
 *
 * Methods that find an entry return its place, an integer > 0 (0: absent): the same from its first `set` until it is
 * removed, and then another entry's. Methods that take a place throw `ERR_ARGUMENT_INVALID` where no entry is.
 * A key is `length` bytes of an array from `start` on, all of it by default. Every operation on one key is O(1) expected,
 * O(bytes) where it copies, and allocates nothing on the JavaScript heap except where it says otherwise.
 *
 * Methods named `...Hashed` take the hash of the key, for callers who have it: an int32 of the key alone that is well
 * mixed in its low bits. Use them for all calls of a cache or for none, unless the hash is {@link hashOf}.
 *
 * An expired entry is absent to the methods that take a key. It keeps its place until a `get`, `set` or `delete` of its
 * key, `sweepExpired` or a bound removes it.
 */
export class ByteLru extends EntryReader {
  /** The bound by entries; `undefined` when there is none. */
  readonly maxEntries: number | undefined;

  readonly #storage: ByteStorage;
  // Those of the storage, at hand.
  readonly #index: PlaceIndex;
  readonly #records: Records;
  readonly #counters = new ByteLruCounters();
  readonly #onEvict: ((place: number, reason: RemovalReason) => void) | undefined;
  readonly #now: () => number;
  /** 0 = for ever. */
  readonly #ttlMs: number;
  readonly #seed: number;
  readonly #entryLimit: number;

  #maxBytes: number | undefined;
  #payloadBytes = 0;
  /** Whether any entry has ever had an expiry. */
  #expires = false;
  #sweepAt = 1;
  #reporting = false;
  #failure: { readonly error: unknown } | undefined;

  /** @throws LruCacheError when an option is invalid or unknown, or when neither bound is given */
  constructor(options: ByteLruOptions) {
    checkOptions(options);
    const headerBytes = options.headerBytes ?? 0;
    const storage = new ByteStorage(options.maxBytes, headerBytes, (place) => this.#remove(place, 'bytes'));
    super(storage.index, storage.records, headerBytes);
    this.#storage = storage;
    this.#index = storage.index;
    this.#records = storage.records;
    this.maxEntries = options.maxEntries;
    this.#maxBytes = options.maxBytes;
    this.#entryLimit = options.maxEntries ?? MAX_ENTRIES;
    this.#ttlMs = options.ttlMs ?? 0;
    this.#onEvict = options.onEvict;
    this.#now = options.now ?? (() => performance.now());
    this.#seed = options.seed ?? randomSeed();
  }

  /** Entries held, expired ones that have not been removed yet included. */
  get size(): number {
    return this.#index.size;
  }

  /** The bound by bytes; `undefined` when there is none. */
  get maxBytes(): number | undefined {
    return this.#maxBytes;
  }

  /** What counts against `maxBytes`: all memory of records and index, used and free, and the tables beside it. */
  get bytes(): number {
    return this.#storage.bytes;
  }

  /** The cache's own seeded hash of a key, an int32. O(length). */
  hashOf(key: Uint8Array, start = 0, length: number = key.length - start): number {
    return hashBytes(key, start, length, this.#seed);
  }

  /** The place of a key, which becomes the most recent; counts as a hit or a miss. Removes the entry if it has expired. */
  get(key: Uint8Array, start = 0, length: number = key.length - start): number {
    return this.getHashed(this.hashOf(key, start, length), key, start, length);
  }

  /** As {@link get}. */
  getHashed(hash: number, key: Uint8Array, start: number, length: number): number {
    this.#checkFree();
    const place = this.#find(hash, key, start, length);
    if (place !== 0 && !this.#isExpired(place)) {
      this.#counters.hits++;
      this.#index.touch(place);
      return place;
    }
    this.#counters.misses++;
    if (place !== 0) {
      this.#remove(place, 'expired');
      this.#finish();
    }
    return 0;
  }

  /** The place of a key, without a change of recency or statistics. */
  peek(key: Uint8Array, start = 0, length: number = key.length - start): number {
    return this.peekHashed(this.hashOf(key, start, length), key, start, length);
  }

  /** As {@link peek}. */
  peekHashed(hash: number, key: Uint8Array, start: number, length: number): number {
    const place = this.#find(hash, key, start, length);
    return place !== 0 && this.#isExpired(place) ? 0 : place;
  }

  /** Whether the key is there, without a change of recency or statistics. */
  has(key: Uint8Array, start = 0, length: number = key.length - start): boolean {
    return this.peek(key, start, length) !== 0;
  }

  /** Makes a key the most recent, without a change of statistics; `false` when it is absent. */
  touch(key: Uint8Array, start = 0, length: number = key.length - start): boolean {
    this.#checkFree();
    const place = this.peek(key, start, length);
    if (place !== 0) this.#index.touch(place);
    return place !== 0;
  }

  /**
   * Stores a value as the most recent entry, and evicts from the other end what it needs the memory of.
   *
   * @returns the place; 0 when the entry is larger than the whole cache: it is not stored, and the entry that the key
   * had, if any, is removed, so that no outdated value stays behind
   * @throws LruCacheError before anything changes when the key or an option is invalid
   */
  set(key: Uint8Array, value: Uint8Array, options?: ByteSetOptions): number {
    checkKey(key, 0, key.length);
    checkSlice('value', value, 0, value.length);
    if (options !== undefined) checkSetOptions(options, this.headerBytes);
    const expiresAt = this.#expiryOf(options);
    const place = this.#put(this.hashOf(key), key, 0, key.length, value, 0, value.length, expiresAt);
    if (place !== 0 && options?.header !== undefined) this.header(place).copyFrom(options.header);
    this.#finish();
    return place;
  }

  /**
   * As {@link set} of `keyLength` bytes from `keyStart` and `valueLength` bytes from `valueStart` on; the header becomes
   * zeros. The value must not lie in the cache's own memory (see `visitValue`).
   * @param expiresAt absolute ms on the cache's clock, 0 = never. Default: from the cache's `ttlMs`.
   */
  setHashed(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyLength: number,
    value: Uint8Array,
    valueStart: number,
    valueLength: number,
    expiresAt: number = this.#expiryOf(undefined),
  ): number {
    checkKey(key, keyStart, keyLength);
    checkSlice('value', value, valueStart, valueLength);
    checkExpiry('ERR_ARGUMENT_INVALID', expiresAt);
    const place = this.#put(hash, key, keyStart, keyLength, value, valueStart, valueLength, expiresAt);
    this.#finish();
    return place;
  }

  /** Removes a key; `true` when it was there. An entry that had expired counts as expired, and as not there. */
  delete(key: Uint8Array, start = 0, length: number = key.length - start): boolean {
    return this.deleteHashed(this.hashOf(key, start, length), key, start, length);
  }

  /** As {@link delete}. */
  deleteHashed(hash: number, key: Uint8Array, start: number, length: number): boolean {
    this.#checkFree();
    const place = this.#find(hash, key, start, length);
    if (place === 0) return false;
    const expired = this.#isExpired(place);
    this.#remove(place, expired ? 'expired' : 'deleted');
    this.#finish();
    return !expired;
  }

  /** Makes the entry at a place the most recent. */
  touchAt(place: number): void {
    this.#checkFree();
    this.check(place);
    this.#index.touch(place);
  }

  /** Removes the entry at a place, expired or not. */
  deleteAt(place: number): void {
    this.#checkFree();
    this.check(place);
    this.#remove(place, 'deleted');
    this.#finish();
  }

  /**
   * Changes when an entry expires, without a change of recency.
   * @param expiresAt absolute ms on the cache's clock, rounded up, 0 = never; a time in the past makes it absent at once
   */
  setExpiry(place: number, expiresAt: number): void {
    this.#checkFree();
    this.check(place);
    checkExpiry('ERR_ARGUMENT_INVALID', expiresAt);
    this.#expires ||= expiresAt !== 0;
    this.#records.setExpiry(place, Math.ceil(expiresAt));
  }

  /**
   * The places from the most or the least recent on, without a change of recency; expired entries are skipped. The
   * iteration may be left and resumed, and the cache may change meanwhile: an entry that is removed, or that becomes the
   * most recent, before its turn is not visited; one that is added meanwhile is not visited; none is visited twice;
   * `clear` ends it. While an iteration is open, every removal and change of recency costs a little more.
   */
  *places(order: Order = 'newest'): Generator<number, void> {
    if (order !== 'newest' && order !== 'oldest') {
      throw invalid('ERR_ARGUMENT_INVALID', 'order', order, "'newest' or 'oldest'");
    }
    for (const place of this.#storage.cursors.walk(this.#index, order)) if (!this.#isExpired(place)) yield place;
  }

  /**
   * Walks the places in no particular order, a step at a time; expired entries are skipped. An entry that is there
   * throughout a scan is visited exactly once, whatever else comes or goes between the steps or by `visit`.
   *
   * @param cursor 0 to begin, afterwards what the last call returned
   * @param count places to look at in this step (free ones count), >= 1: O(count)
   * @returns the next cursor; 0 when the scan is complete
   */
  scan(cursor: number, count: number, visit: (place: number) => void): number {
    checkCount('cursor', cursor, 0);
    checkCount('count', count, 1);
    let place = Math.max(cursor, 1);
    for (let left = count; left > 0 && place < this.#index.end; left--, place++) {
      if (this.#index.isLive(place) && !this.#isExpired(place)) visit(place);
    }
    return place < this.#index.end ? place : 0;
  }

  /**
   * Removes expired entries, looking at no more than `maxVisits` places: O(maxVisits). Resumes where the last call
   * stopped and wraps around, so calls in a row cover the cache. Does nothing while no entry has ever had an expiry.
   * @returns how many were removed
   */
  sweepExpired(maxVisits: number): number {
    checkCount('maxVisits', maxVisits, 1);
    this.#checkFree();
    if (!this.#expires) return 0;
    const before = this.size;
    const now = this.#now();
    for (let left = Math.min(maxVisits, this.#index.end); left > 0; left--) {
      if (this.#sweepAt >= this.#index.end) this.#sweepAt = 1;
      const place = this.#sweepAt++;
      if (!this.#index.isLive(place)) continue;
      const expiresAt = this.#records.expiresAt(place);
      if (expiresAt !== 0 && expiresAt <= now) this.#remove(place, 'expired');
    }
    this.#finish();
    return before - this.size;
  }

  /**
   * Changes the bound by bytes. Less than is in use evicts from the least recent end until the rest fits, moving records
   * where that frees pages: O(what goes). Memory that the process has touched stays with it until `clear`.
   * @throws LruCacheError `ERR_OPTION_INVALID` for less than 16 pages of the size that the cache was made with
   */
  resize(maxBytes: number): void {
    this.#checkFree();
    this.#storage.resize(maxBytes);
    this.#maxBytes = maxBytes;
    this.#finish();
  }

  /** Removes everything and lets go of the memory. Reports nothing, ends open iterations; statistics stay. */
  clear(): void {
    this.#checkFree();
    this.#storage.clear();
    this.#payloadBytes = 0;
    this.#expires = false;
    this.#sweepAt = 1;
  }

  /** A snapshot of the counters and of what is held. */
  stats(): ByteLruStats {
    const { pages, chunks, index } = this.#storage;
    const { hits, misses, sets, removals } = this.#counters;
    return {
      hits,
      misses,
      sets,
      removals: { ...removals },
      pagesMoved: this.#storage.pagesMoved,
      recordsMoved: this.#records.moved,
      size: this.size,
      payloadBytes: this.#payloadBytes,
      recordBytes: this.#payloadBytes + this.size * this.#records.lengthOf(0, 0),
      freeBytes: chunks.freeBytes,
      arenaBytes: chunks.pages * pages.pageBytes,
      indexBytes: index.pages * pages.pageBytes,
      bytes: this.bytes,
      touchedBytes: pages.touchedBytes,
    };
  }

  /** Sets every counter to 0; what is held is not counted but measured. */
  resetStats(): void {
    this.#counters.reset();
    this.#records.moved = this.#storage.pagesMoved = 0;
  }

  #find(hash: number, key: Uint8Array, start: number, length: number): number {
    let place = this.#index.candidate(hash | 0);
    while (place !== 0 && !this.#records.hasKey(place, key, start, length)) {
      place = this.#index.nextCandidate(place, hash | 0);
    }
    return place;
  }

  #isExpired(place: number): boolean {
    if (!this.#expires) return false;
    const expiresAt = this.#records.expiresAt(place);
    return expiresAt !== 0 && expiresAt <= this.#now();
  }

  #expiryOf(options: ByteSetOptions | undefined): number {
    if (options?.keepTtl === true) return KEEP;
    if (options?.expiresAt !== undefined) return options.expiresAt;
    const ttlMs = options?.ttlMs ?? this.#ttlMs;
    return ttlMs === 0 ? 0 : Math.min(this.#now() + ttlMs, MAX_EXPIRY);
  }

  #put(
    hash: number,
    key: Uint8Array,
    keyStart: number,
    keyLength: number,
    value: Uint8Array,
    valueStart: number,
    valueLength: number,
    expiresAt: number,
  ): number {
    this.#checkFree();
    const length = this.#records.lengthOf(keyLength, valueLength);
    let place = this.#find(hash, key, keyStart, keyLength);
    if (place !== 0 && this.#isExpired(place)) {
      this.#remove(place, 'expired');
      place = 0;
    }
    if (length > this.#storage.longestRecord) {
      if (place !== 0) this.#remove(place, 'replaced');
      return 0;
    }
    const kept =
      expiresAt !== KEEP ? expiresAt : place === 0 ? this.#expiryOf(undefined) : this.#records.expiresAt(place);
    if (place === 0) {
      if (this.size === this.#entryLimit) this.#remove(this.#index.last, 'entries');
      place = this.#storage.insert(hash | 0, length);
    } else {
      this.#report(place, 'replaced');
      this.#index.touch(place);
      this.#payloadBytes -= this.#records.keyLength(place) + this.#records.valueLength(place);
      if (!this.#records.fitsInPlace(place, length)) {
        this.#storage.reallocate(place, length);
      }
    }
    this.#records.write(place, Math.ceil(kept), key, keyStart, keyLength, value, valueStart, valueLength);
    this.#expires ||= kept !== 0;
    this.#payloadBytes += keyLength + valueLength;
    this.#counters.sets++;
    return place;
  }

  #remove(place: number, reason: RemovalReason): void {
    this.#report(place, reason);
    this.#payloadBytes -= this.#records.keyLength(place) + this.#records.valueLength(place);
    this.#records.free(place);
    this.#index.remove(place);
  }

  /** What a callback throws is kept until the operation is complete. */
  #report(place: number, reason: RemovalReason): void {
    this.#counters.removals[reason]++;
    if (this.#onEvict === undefined) return;
    this.#reporting = true;
    try {
      this.#onEvict(place, reason);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#reporting = false;
    }
  }

  #finish(): void {
    if (this.#failure === undefined) return;
    const { error } = this.#failure;
    this.#failure = undefined;
    throw error;
  }

  #checkFree(): void {
    if (!this.#reporting) return;
    throw new LruCacheError('ERR_BUSY', 'onEvict must not change the cache; change it after the method returns');
  }
}
