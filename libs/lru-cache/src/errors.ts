/**
 * Stable codes; branch on these, never on a message.
 *
 * - `ERR_OPTION_INVALID`: a constructor or `set` option has a value of the wrong type or range
 * - `ERR_OPTION_UNKNOWN`: the constructor got an option that does not exist
 * - `ERR_OPTION_CONFLICT`: two options of one `set` contradict each other
 * - `ERR_UNBOUNDED`: neither `maxEntries` nor `maxBytes` was given
 * - `ERR_ARGUMENT_INVALID`: a method argument other than an option or a key is out of range
 * - `ERR_KEY_INVALID`: a key that is neither a string nor a finite number
 * - `ERR_SIZE_REQUIRED`: `maxBytes` without `sizeOf`, and a `set` without `size`
 * - `ERR_EVICT_CASCADE`: `onEvict` keeps adding entries that evict others without end
 * - `ERR_ALLOCATION`: the memory for the requested capacity could not be reserved
 * - `ERR_BUSY`: `onEvict` of a `ByteLru` has called a method that changes it
 */
export type LruCacheErrorCode =
  | 'ERR_OPTION_INVALID'
  | 'ERR_OPTION_UNKNOWN'
  | 'ERR_OPTION_CONFLICT'
  | 'ERR_UNBOUNDED'
  | 'ERR_ARGUMENT_INVALID'
  | 'ERR_KEY_INVALID'
  | 'ERR_SIZE_REQUIRED'
  | 'ERR_EVICT_CASCADE'
  | 'ERR_ALLOCATION'
  | 'ERR_BUSY';

/** Every error that the cache itself throws. What a callback throws is passed on as it is. */
export class LruCacheError extends Error {
  override readonly name = 'LruCacheError';
  readonly code: LruCacheErrorCode;

  constructor(code: LruCacheErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** `name` with what it got and what it wants, in one sentence. */
export function invalid(
  code: 'ERR_OPTION_INVALID' | 'ERR_ARGUMENT_INVALID' | 'ERR_KEY_INVALID',
  name: string,
  got: unknown,
  wants: string,
): LruCacheError {
  return new LruCacheError(code, `${name} must be ${wants}, got ${describe(got)}`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}
