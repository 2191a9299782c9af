import type { RespError } from './errors.js';

/** How bulk strings are delivered: as text, as bytes, or as binary strings (one char, 0-255, per byte; the fastest). */
export type BulkKind = 'utf8' | 'buffer' | 'binary';

/**
 * A decoded reply. Integers are numbers, or bigints where a number is not exact. An error inside an aggregate is a value
 * in its place.
 */
export type RespValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | RespError
  | RespValue[]
  | Map<RespValue, RespValue>
  | Set<RespValue>;
