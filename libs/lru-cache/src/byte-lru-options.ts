import { LruCacheError, invalid } from './errors.js';
import { LEAST_INDEX_PAGES } from './place-index.js';
import { PAGE_OVERHEAD_BYTES, Pages, pageBitsFor } from './pages.js';

/**
 * Why an entry left. `bytes`, `entries`: a bound pushed it out. `expired`: its time had come. `replaced`: a `set`
 * overwrote its value; the entry stays. `deleted`: the caller deleted it.
 */
export type RemovalReason = 'bytes' | 'entries' | 'expired' | 'replaced' | 'deleted';

/** At least one of `maxEntries` and `maxBytes` is required. An option that is present must not be `undefined`. */
export interface ByteLruOptions {
  /** Most entries, 1 to 200,000,000. Default: no bound by entries. */
  readonly maxEntries?: number;
  /**
   * Most bytes of memory, 131,072 or more: records, their rounding and free parts, index and tables, all of it.
   * Default: no bound by bytes, but 32 GiB at most.
   */
  readonly maxBytes?: number;
  /** Bytes of the caller's own fields in each entry, 0 to 256: see `ByteLru.header`. Default: 0. */
  readonly headerBytes?: number;
  /** How long entries live unless their `set` says otherwise, in ms, > 0. Default: for ever. */
  readonly ttlMs?: number;
  /**
   * Told of every entry that leaves and every value that is overwritten, just before: it may read the entry at `place`
   * with the methods that take a place, and must not change the cache. Default: none.
   */
  readonly onEvict?: (place: number, reason: RemovalReason) => void;
  /** The clock, in ms; best one that never goes back. Default: `performance.now`. */
  readonly now?: () => number;
  /** int32 that keys the hash. Default: random per cache; fix it only to reproduce a run. */
  readonly seed?: number;
}

/** Options of one `set`; `ttlMs`, `expiresAt` and `keepTtl` exclude one another. */
export interface ByteSetOptions {
  /** Time to live in ms, > 0. Default: the cache's `ttlMs`. */
  readonly ttlMs?: number;
  /** Absolute expiry in ms on the cache's clock, below 2^48; 0 = never, whatever the cache's `ttlMs`. */
  readonly expiresAt?: number;
  /** Keeps the expiry of the entry that is overwritten; a new entry gets the cache's `ttlMs`. Default: false. */
  readonly keepTtl?: boolean;
  /** `headerBytes` bytes for the entry's header. Default: zeros. */
  readonly header?: Uint8Array;
}

export const MAX_ENTRIES = 200_000_000;
export const MIN_MAX_BYTES = 2 ** 17;
export const MAX_HEADER_BYTES = 256;
export const MAX_KEY_BYTES = 2 ** 16 - 1;
/** The last ms that an entry can expire at. */
export const MAX_EXPIRY = 2 ** 48 - 1;
/** The default bound: what addresses reach. */
const UNBOUNDED_BYTES = 2 ** 35;
/** The tables of the size classes, and the objects that a cache is made of. */
const FIXED_BYTES = 2 ** 14;
/** A cache is never resized to fewer. */
const LEAST_PAGES = 16;
/** Pages that a record may not fill: the index's, the last chunk's, and one to move within. */
const NOT_FOR_ONE_RECORD = LEAST_INDEX_PAGES + 2;

// A local: see hash.ts.
const Bytes = Uint8Array;

const KNOWN = new Set(['maxEntries', 'maxBytes', 'headerBytes', 'ttlMs', 'onEvict', 'now', 'seed']);
const KNOWN_BY_SET = new Set(['ttlMs', 'expiresAt', 'keepTtl', 'header']);

/** Checks all options once. @throws LruCacheError that names the option, what it got and what it wants */
export function checkOptions(options: ByteLruOptions): void {
  checkNames(options, KNOWN);
  const { maxEntries, maxBytes, headerBytes, ttlMs, seed } = options;
  if ('maxEntries' in options) checkInteger('maxEntries', maxEntries, 1, MAX_ENTRIES);
  if ('maxBytes' in options) checkInteger('maxBytes', maxBytes, MIN_MAX_BYTES, Number.MAX_SAFE_INTEGER);
  if (maxEntries === undefined && maxBytes === undefined) {
    throw new LruCacheError('ERR_UNBOUNDED', 'a cache needs maxEntries, maxBytes or both, got neither');
  }
  if ('headerBytes' in options) checkInteger('headerBytes', headerBytes, 0, MAX_HEADER_BYTES);
  if ('ttlMs' in options) checkTtl(ttlMs);
  for (const name of ['onEvict', 'now'] as const) {
    if (name in options && typeof options[name] !== 'function') {
      throw invalid('ERR_OPTION_INVALID', name, options[name], 'a function');
    }
  }
  if ('seed' in options) checkInteger('seed', seed, -(2 ** 31), 2 ** 31 - 1);
}

/** @throws LruCacheError `ERR_OPTION_UNKNOWN`, `ERR_OPTION_CONFLICT`, `ERR_OPTION_INVALID` */
export function checkSetOptions(options: ByteSetOptions, headerBytes: number): void {
  checkNames(options, KNOWN_BY_SET);
  const { ttlMs, expiresAt, keepTtl, header } = options;
  if (Number(ttlMs !== undefined) + Number(expiresAt !== undefined) + Number(keepTtl === true) > 1) {
    throw new LruCacheError('ERR_OPTION_CONFLICT', 'ttlMs, expiresAt and keepTtl exclude one another');
  }
  if (ttlMs !== undefined) checkTtl(ttlMs);
  if (expiresAt !== undefined) checkExpiry('ERR_OPTION_INVALID', expiresAt);
  if (header !== undefined && !(header instanceof Uint8Array && header.length === headerBytes)) {
    throw invalid('ERR_OPTION_INVALID', 'header', header, `a Uint8Array of ${headerBytes} bytes`);
  }
}

/** @throws LruCacheError with the code */
export function checkExpiry(code: 'ERR_OPTION_INVALID' | 'ERR_ARGUMENT_INVALID', expiresAt: number): void {
  if (typeof expiresAt === 'number' && expiresAt >= 0 && expiresAt <= MAX_EXPIRY) return;
  throw invalid(code, 'expiresAt', expiresAt, 'a number of ms from 0 (never) to 2^48 - 1');
}

/** @throws LruCacheError `ERR_ARGUMENT_INVALID` unless `length` bytes are there from `start` on */
export function checkSlice(name: string, bytes: Uint8Array, start: number, length: number): void {
  // Both are whole: what `| 0` would change is none, or 2 GiB and more.
  if (bytes instanceof Bytes && start >= 0 && length >= 0 && start + length <= bytes.length) {
    if (start === (start | 0) && length === (length | 0)) return;
  }
  const has = bytes instanceof Uint8Array ? `one of ${bytes.length}` : typeof bytes;
  const wants = `a Uint8Array with ${String(length)} bytes from ${String(start)} on`;
  throw new LruCacheError('ERR_ARGUMENT_INVALID', `${name} must be ${wants}, got ${has}`);
}

/** @throws LruCacheError `ERR_KEY_INVALID`, `ERR_ARGUMENT_INVALID` */
export function checkKey(key: Uint8Array, start: number, length: number): void {
  if (length > MAX_KEY_BYTES) throw invalid('ERR_KEY_INVALID', 'key', length, `at most ${MAX_KEY_BYTES} bytes long`);
  checkSlice('key', key, start, length);
}

/** The pages of a cache of so many bytes, not one of which is reserved yet. */
export function pagesFor(maxBytes: number | undefined): Pages {
  const bytes = Math.min(maxBytes ?? UNBOUNDED_BYTES, UNBOUNDED_BYTES);
  const bits = pageBitsFor(bytes);
  return new Pages(bits, pageCount(bytes, 2 ** bits));
}

/**
 * Pages of `pageBytes` that so many bytes are enough for.
 * @throws LruCacheError `ERR_OPTION_INVALID` when that is too few
 */
export function pageCount(maxBytes: number, pageBytes: number): number {
  const each = pageBytes + PAGE_OVERHEAD_BYTES;
  const least = FIXED_BYTES + LEAST_PAGES * each;
  checkInteger('maxBytes', maxBytes, Math.max(MIN_MAX_BYTES, least), Number.MAX_SAFE_INTEGER);
  return Math.floor((Math.min(maxBytes, UNBOUNDED_BYTES) - FIXED_BYTES) / each);
}

/** Bytes that so many pages count for. */
export function bytesOf(pages: number, pageBytes: number): number {
  return FIXED_BYTES + pages * (pageBytes + PAGE_OVERHEAD_BYTES);
}

/** The longest record that a cache can hold whose chunks carry so many bytes each. */
export function longestRecord(pages: Pages, bytesPerChunk: number, chunksPerPage: number): number {
  return Math.min((pages.max - NOT_FOR_ONE_RECORD) * chunksPerPage * bytesPerChunk, 2 ** 32 - 1);
}

function checkNames(options: object, known: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid('ERR_OPTION_INVALID', 'options', options, 'an object');
  }
  for (const name in options) {
    if (!known.has(name)) {
      throw new LruCacheError('ERR_OPTION_UNKNOWN', `there is no option ${name}; known: ${[...known].join(', ')}`);
    }
  }
}

function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw invalid('ERR_OPTION_INVALID', name, value, `an integer from ${min} to ${max}`);
}

function checkTtl(ttlMs: number | undefined): void {
  if (typeof ttlMs !== 'number' || !(ttlMs > 0) || ttlMs === Infinity) {
    throw invalid('ERR_OPTION_INVALID', 'ttlMs', ttlMs, 'a finite number of ms > 0 (expiresAt: 0 means never)');
  }
}
