import { encodeCommandBinary } from '@dcs/resp';
import { type EntryKind } from './entry-header.js';
import { ProtocolError } from './errors.js';
import { formatVersion, parseVersion, type Version } from './version.js';

/** When a write is done: always, only if the key is absent or present, or only if it has this version. */
export type WriteCondition =
  | { readonly if: 'always' | 'absent' | 'present' }
  | { readonly if: 'version'; readonly version: Version };

export const ALWAYS: WriteCondition = Object.freeze({ if: 'always' });
export const IF_ABSENT: WriteCondition = Object.freeze({ if: 'absent' });
export const IF_PRESENT: WriteCondition = Object.freeze({ if: 'present' });

export function encodeCondition(condition: WriteCondition): string {
  switch (condition.if) {
    case 'always':
      return '-';
    case 'absent':
      return 'NX';
    case 'present':
      return 'XX';
    case 'version':
      return `=${formatVersion(condition.version)}`;
  }
}

/** @throws ProtocolError ERR_PROTOCOL_CONDITION */
export function decodeCondition(text: string): WriteCondition {
  if (text === '-') return ALWAYS;
  if (text === 'NX') return IF_ABSENT;
  if (text === 'XX') return IF_PRESENT;
  if (text.startsWith('=')) return { if: 'version', version: parseVersion(text.slice(1)) };
  throw new ProtocolError(
    'ERR_PROTOCOL_CONDITION',
    `a condition is "-", "NX", "XX" or "=<version>", got ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/**
 * What every write carries: the sender's view epoch, the operation stamp (the same on every retry of one operation)
 * and the attempt: 1 while none before may have been carried out, then at least one more for each that may have been,
 * and for each `ATTEMPT_MS` since the stamp.
 */
export interface WriteContext {
  readonly epoch: number;
  readonly stamp: Version;
  readonly attempt: number;
}

/** `DCS.GET epoch key` -> nil | [header, value] */
export function encodeGet(epoch: number, key: string): string {
  return encodeCommandBinary(['DCS.GET', epoch, key]);
}

/** `DCS.HEAD epoch key` -> nil | header */
export function encodeHead(epoch: number, key: string): string {
  return encodeCommandBinary(['DCS.HEAD', epoch, key]);
}

/** `DCS.SET epoch stamp attempt condition expiresAt kind key value` -> `+<created 0|1> <version>` | -PRECONDITION */
export function encodeSet(
  w: WriteContext,
  condition: WriteCondition,
  expiresAt: number,
  kind: EntryKind,
  key: string,
  value: string,
): string {
  return encodeCommandBinary([
    'DCS.SET',
    w.epoch,
    formatVersion(w.stamp),
    w.attempt,
    encodeCondition(condition),
    expiresAt,
    kind,
    key,
    value,
  ]);
}

/** `DCS.DEL epoch stamp attempt condition key` -> :1 when there was a live entry, :0 when not | -PRECONDITION */
export function encodeDelete(w: WriteContext, condition: WriteCondition, key: string): string {
  return encodeCommandBinary(['DCS.DEL', w.epoch, formatVersion(w.stamp), w.attempt, encodeCondition(condition), key]);
}

export interface IncrementArguments {
  readonly by: number;
  /** The value an absent key counts from. */
  readonly initial: number;
  /** Expiry given to a key that the increment creates; 0 = never. An existing key keeps its own. */
  readonly expiresAt: number;
  /** Repeats with the same token within the node's memory of it answer the first result; '' = none. */
  readonly token: string;
}

/** `DCS.INCR epoch stamp attempt by initial expiresAt token key` -> `+<value> <version>` | -NOTANUMBER */
export function encodeIncrement(w: WriteContext, a: IncrementArguments, key: string): string {
  return encodeCommandBinary([
    'DCS.INCR',
    w.epoch,
    formatVersion(w.stamp),
    w.attempt,
    a.by,
    a.initial,
    a.expiresAt,
    a.token,
    key,
  ]);
}

/** `DCS.TOUCH epoch stamp attempt expiresAt key` -> `+<version>` | nil when the key is absent */
export function encodeTouch(w: WriteContext, expiresAt: number, key: string): string {
  return encodeCommandBinary(['DCS.TOUCH', w.epoch, formatVersion(w.stamp), w.attempt, expiresAt, key]);
}

/** `DCS.STATS` -> the node's state as JSON ({@link NodeStats}). */
export const STATS_COMMAND = encodeCommandBinary(['DCS.STATS']);
/** `DCS.BACKUP` -> +OK: a backup begins now, or after the one under way | -NOBACKUP */
export const BACKUP_COMMAND = encodeCommandBinary(['DCS.BACKUP']);
/** `DCS.DRAIN` -> +OK: the node begins to leave, as on SIGTERM. */
export const DRAIN_COMMAND = encodeCommandBinary(['DCS.DRAIN']);
