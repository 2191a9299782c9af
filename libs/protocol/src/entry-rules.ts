import { type EntryKind, KIND_JSON, KIND_STRING, KIND_TOMBSTONE, rawContentType } from './entry-header.js';
import { MAX_CONTENT_TYPE_BYTES, MAX_KEY_BYTES } from './limits.js';
import { MAX_VERSION_PART, type Version } from './version.js';

/** The latest expiry that an entry can have, ms since the Unix epoch: every layer keeps it exactly. The year 287396. */
export const MAX_EXPIRES_AT = Number.MAX_SAFE_INTEGER;

/** The largest value that any node may be configured to take, in bytes. */
export const MAX_STORABLE_VALUE_BYTES = 256 * 2 ** 20;

/**
 * How far ahead of a node's clock a version may be, ms: a week. Far more than clocks of hosts differ by, so that what a
 * node wrote with a wrong clock is not lost; and far from the end of the 48 bits, which no version may come near.
 */
export const MAX_VERSION_AHEAD_MS = 7 * 24 * 3_600_000;

/** What is wrong with an entry. `ahead`: its version is too far ahead of the clock. */
export type EntryFault = 'key' | 'kind' | 'value' | 'expiry' | 'version' | 'ahead';

// A binary string without control characters: it becomes a header field of an HTTP answer.
const CONTENT_TYPE = /^[\x20-\x7e\x80-\xff]+$/;

/** Whether a kind is one that entries have. O(length). */
export function isEntryKind(kind: EntryKind): boolean {
  if (kind === KIND_STRING || kind === KIND_JSON || kind === KIND_TOMBSTONE) return true;
  const contentType = rawContentType(kind);
  return contentType !== undefined && contentType.length <= MAX_CONTENT_TYPE_BYTES && CONTENT_TYPE.test(contentType);
}

/** What is to be known of an entry before it is taken. */
export interface EntryParts extends Version {
  /** ms since the Unix epoch; 0 = never. */
  readonly expiresAt: number;
  readonly kind: EntryKind;
}

/**
 * The one definition of what an entry may be, wherever it comes from: a client, another node, a disk, a backup. Every
 * layer (wire, journal, entry file, backup) keeps what passes, unchanged. O(length of the kind).
 *
 * - The key: a binary string of 1 to `MAX_KEY_BYTES` bytes, UTF-8 or not.
 * - The kind: one of those of {@link EntryKind}; a content type has no control characters.
 * - The value: at most {@link MAX_STORABLE_VALUE_BYTES}.
 * - The expiry: 0, or an integer up to {@link MAX_EXPIRES_AT}.
 * - The version: two integers of 48 bits, `ms` no later than `latestMs`.
 *
 * @param latestMs the clock plus {@link MAX_VERSION_AHEAD_MS}
 * @returns undefined when nothing is wrong
 */
export function entryFault(
  keyBytes: number,
  { ms, low, expiresAt, kind }: EntryParts,
  valueBytes: number,
  latestMs: number,
): EntryFault | undefined {
  if (keyBytes === 0 || keyBytes > MAX_KEY_BYTES) return 'key';
  if (kind !== KIND_STRING && !isEntryKind(kind)) return 'kind';
  if (valueBytes > MAX_STORABLE_VALUE_BYTES) return 'value';
  if (!Number.isSafeInteger(expiresAt) || expiresAt < 0) return 'expiry';
  if (!isVersionPart(ms) || !isVersionPart(low)) return 'version';
  return ms > latestMs ? 'ahead' : undefined;
}

function isVersionPart(part: number): boolean {
  return Number.isInteger(part) && part >= 0 && part <= MAX_VERSION_PART;
}
