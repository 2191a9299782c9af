import { MAX_SLOTS } from './entry-table.js';
import { LruCacheError, invalid } from './errors.js';
import type { EvictionReason } from './evictions.js';

/** At least one of `maxEntries` and `maxBytes` is required. An option that is present must not be `undefined`. */
export interface LruCacheOptions<K extends string | number, V> {
  /**
   * Most entries, 1 to 268,435,455. Address space for all of them is reserved at construction (about 21 bytes each);
   * memory is used as entries arrive. Default: no bound by entries.
   */
  readonly maxEntries?: number;
  /** Most bytes over all entries, as told by `sizeOf` or `set`'s `size`. Default: no bound by bytes. */
  readonly maxBytes?: number;
  /** Bytes of an entry, a safe integer >= 0. Called once per `set` that gives no `size`. Default: none. */
  readonly sizeOf?: (value: V, key: K) => number;
  /** How long an entry lives unless its `set` says otherwise, in ms, > 0. Default: for ever. */
  readonly ttlMs?: number;
  /** Told of every entry that a bound pushed out or that expired, after the cache has changed. Default: none. */
  readonly onEvict?: (key: K, value: V, reason: EvictionReason) => void;
  /** The clock, in ms. Default: `Date.now`. */
  readonly now?: () => number;
  /** int32 that keys the hash. Default: random per cache; fix it only to reproduce a run. */
  readonly seed?: number;
}

/** Options of one `set`; `ttlMs`, `expiresAt` and `keepTtl` exclude one another. */
export interface SetOptions {
  /** Time to live in ms, > 0. Default: the cache's `ttlMs`. */
  readonly ttlMs?: number;
  /** Absolute expiry in ms on the cache's clock; 0 = never, whatever the cache's `ttlMs`. */
  readonly expiresAt?: number;
  /** Bytes of the entry, a safe integer >= 0, instead of `sizeOf`. */
  readonly size?: number;
  /** Keeps the expiry of the entry that is overwritten; a new entry gets the cache's `ttlMs`. Default: false. */
  readonly keepTtl?: boolean;
}

const KNOWN = new Set(['maxEntries', 'maxBytes', 'sizeOf', 'ttlMs', 'onEvict', 'now', 'seed']);

/** Checks all options once. @throws LruCacheError that names the option, what it got and what it wants */
export function checkOptions<K extends string | number, V>(options: LruCacheOptions<K, V>): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid('ERR_OPTION_INVALID', 'options', options, 'an object');
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) {
      throw new LruCacheError('ERR_OPTION_UNKNOWN', `there is no option ${name}; known: ${[...KNOWN].join(', ')}`);
    }
  }
  const { maxEntries, maxBytes, ttlMs, seed } = options;
  if ('maxEntries' in options && !isInteger(maxEntries, 1, MAX_SLOTS)) {
    throw invalid('ERR_OPTION_INVALID', 'maxEntries', maxEntries, `an integer from 1 to ${MAX_SLOTS}`);
  }
  if ('maxBytes' in options && !isInteger(maxBytes, 1, Number.MAX_SAFE_INTEGER)) {
    throw invalid('ERR_OPTION_INVALID', 'maxBytes', maxBytes, 'a safe integer > 0');
  }
  if (maxEntries === undefined && maxBytes === undefined) {
    throw new LruCacheError('ERR_UNBOUNDED', 'a cache needs maxEntries, maxBytes or both, got neither');
  }
  if ('ttlMs' in options) checkTtl(ttlMs);
  for (const name of ['sizeOf', 'onEvict', 'now'] as const) {
    if (name in options && typeof options[name] !== 'function') {
      throw invalid('ERR_OPTION_INVALID', name, options[name], 'a function');
    }
  }
  if ('seed' in options && !isInteger(seed, -(2 ** 31), 2 ** 31 - 1)) {
    throw invalid('ERR_OPTION_INVALID', 'seed', seed, 'an int32');
  }
}

function checkTtl(ttlMs: number | undefined): void {
  if (typeof ttlMs !== 'number' || !(ttlMs > 0) || ttlMs === Infinity) {
    throw invalid('ERR_OPTION_INVALID', 'ttlMs', ttlMs, 'a finite number of ms > 0 (expiresAt: 0 means never)');
  }
}

export function checkExpiresAt(code: 'ERR_OPTION_INVALID' | 'ERR_ARGUMENT_INVALID', expiresAt: number): void {
  if (typeof expiresAt !== 'number' || !(expiresAt >= 0) || expiresAt === Infinity) {
    throw invalid(code, 'expiresAt', expiresAt, 'a finite number of ms >= 0 (0 means never)');
  }
}

/** The expiry of an entry that keeps the one it has. */
export const KEEP = -1;

/**
 * The expiry that a `set` gives its entry, {@link KEEP} for that of the entry it overwrites.
 * @throws LruCacheError `ERR_OPTION_CONFLICT`, `ERR_OPTION_INVALID`
 */
export function expiryFor(options: SetOptions | undefined, byDefaultMs: number, now: () => number): number {
  const ttlMs = options?.ttlMs;
  const expiresAt = options?.expiresAt;
  const keepTtl = options?.keepTtl === true;
  if (ttlMs === undefined && expiresAt === undefined)
    return keepTtl ? KEEP : byDefaultMs === 0 ? 0 : now() + byDefaultMs;
  if ((ttlMs !== undefined && expiresAt !== undefined) || keepTtl) {
    throw new LruCacheError('ERR_OPTION_CONFLICT', 'ttlMs, expiresAt and keepTtl exclude one another');
  }
  if (ttlMs !== undefined) {
    checkTtl(ttlMs);
    return now() + ttlMs;
  }
  checkExpiresAt('ERR_OPTION_INVALID', expiresAt!);
  return expiresAt!;
}

/** The bytes that a `set` gives its entry. @throws LruCacheError `ERR_SIZE_REQUIRED`, `ERR_OPTION_INVALID` */
export function sizeFor<K, V>(
  value: V,
  key: K,
  options: SetOptions | undefined,
  sizeOf: ((value: V, key: K) => number) | undefined,
): number {
  if (options?.size !== undefined) {
    checkSize('size', options.size);
    return options.size;
  }
  if (sizeOf === undefined) {
    throw new LruCacheError('ERR_SIZE_REQUIRED', 'a cache with maxBytes needs sizeOf, or a size in every set');
  }
  const size = sizeOf(value, key);
  checkSize('sizeOf', size);
  return size;
}

/** @param source `size` or `sizeOf`, whichever gave it */
export function checkSize(source: string, size: number): void {
  if (!isInteger(size, 0, Number.MAX_SAFE_INTEGER)) {
    throw invalid('ERR_OPTION_INVALID', source, size, 'a safe integer of bytes >= 0');
  }
}

/** For arguments that are counts. */
export function checkCount(name: string, count: number, min: number): void {
  if (!isInteger(count, min, Number.MAX_SAFE_INTEGER)) {
    throw invalid('ERR_ARGUMENT_INVALID', name, count, `a safe integer >= ${min}`);
  }
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
