import { fromBinary } from './binary.js';
import { ProtocolError } from './errors.js';
import { isVersionText, parseVersion, type Version } from './version.js';

/**
 * The first word of an error reply between our own parts. Redis's own where one fits.
 * - MOVED `<slot> <host:port>`: not an owner; the view has changed.
 * - PRECONDITION `<version of the live entry, or ->`: a condition failed; nothing was written.
 * - NOTANUMBER: the entry is not a safe integer, or the result would not be one.
 * - REUSED: the idempotency key was used already, for a request that asked for something else; nothing was done.
 * - LOADING: the slot is still being imported; try again. `LOADING BLOCKED`: it waits for nodes, or a backup, that have
 *   it, which may take long ({@link isBlocked}).
 * - CLUSTERDOWN: the node has no view, or the write could not be made safe; it may have happened.
 * - TRYAGAIN: the node may not act while the primary is silent, which may still do what was passed on to it; or the primary
 *   has done that, and not copied it yet.
 * - OOM: the entry does not fit.
 * - INVALID: no entry may be like this one (see `entryFault`); nothing was done.
 * - MISCONF: the node cannot write to its disk, and takes no writes until it can; nothing was done.
 * - STALE: the operation's stamp is too far from the node's clock; it was not applied.
 * - NOBACKUP: the node has no backup directory.
 * - STALEVIEW `<epoch>`: between nodes: the slot's owners have changed since the sender's view, and nothing was merged; or the
 *   receiver does not have the sender's view yet, and cannot say what it holds.
 */
export type ReplyErrorCode =
  | 'MOVED'
  | 'PRECONDITION'
  | 'NOTANUMBER'
  | 'REUSED'
  | 'LOADING'
  | 'CLUSTERDOWN'
  | 'TRYAGAIN'
  | 'OOM'
  | 'INVALID'
  | 'MISCONF'
  | 'STALE'
  | 'NOBACKUP'
  | 'STALEVIEW';

const BLOCKED = 'LOADING BLOCKED';

/** Said of the keys of a blocked slot. */
export const BLOCKED_ERROR = `${BLOCKED} the slot waits for nodes, or a backup, that have it`;

/** Whether an error reply says that the slot is blocked: another attempt within a second or so is of no use. */
export function isBlocked(message: string): boolean {
  return message.startsWith(BLOCKED);
}

/** What a node says of itself in `DCS.STATS`. */
export interface NodeStats {
  readonly id: string;
  readonly epoch: number;
  readonly entries: number;
  readonly bytes: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly tombstones: number;
  readonly handoff: { readonly slotsToGo: number; readonly bytesReceived: number };
  /** It answers no client: it may have been expelled. Absent: it serves, or is of an older release. */
  readonly fenced?: true;
  /** Ids of members that the registry has not heard for more than half of their lease, as this node knows; absent for none. */
  readonly suspects?: readonly string[];
  /** Absent: the node has no backup directory. */
  readonly backup?: BackupStats;
}

/** What a node says of its backups since it started. */
export interface BackupStats {
  /** ms since the Unix epoch; null before the first. */
  readonly lastSuccessAt: number | null;
  /** Of the last that succeeded. */
  readonly entries: number;
  /** Of its file. */
  readonly bytes: number;
  readonly failures: number;
}

const INTEGER = /^-?\d{1,16}$/;

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeSetReply(reply: unknown): { created: boolean; version: Version } {
  const created = typeof reply === 'string' ? reply.charCodeAt(0) : 0;
  if (
    typeof reply === 'string' &&
    (created === 0x30 || created === 0x31) &&
    reply.charCodeAt(1) === 0x20 &&
    isVersionText(reply.slice(2))
  ) {
    return { created: created === 0x31, version: parseVersion(reply.slice(2)) };
  }
  throw unexpected('DCS.SET', reply);
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeIncrementReply(reply: unknown): { value: number; version: Version } {
  if (typeof reply === 'string') {
    const space = reply.indexOf(' ');
    const text = reply.slice(0, space);
    const value = Number(text);
    const version = reply.slice(space + 1);
    if (space > 0 && INTEGER.test(text) && Number.isSafeInteger(value) && isVersionText(version))
      return { value, version: parseVersion(version) };
  }
  throw unexpected('DCS.INCR', reply);
}

/** The reply to a command that answers `+OK` and nothing else. @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeOk(reply: unknown): void {
  if (reply !== 'OK') throw unexpected('a command that answers OK', reply);
}

/** Whether there was an entry. @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeDeleteReply(reply: unknown): boolean {
  if (reply === 1 || reply === 0) return reply === 1;
  throw unexpected('DCS.DEL', reply);
}

/** The reply to a write between our own parts, by the name of its command. @throws ProtocolError ERR_PROTOCOL_REPLY */
export function checkWriteReply(command: string, reply: unknown): void {
  switch (command) {
    case 'DCS.SET':
      decodeSetReply(reply);
      break;
    case 'DCS.DEL':
      decodeDeleteReply(reply);
      break;
    case 'DCS.INCR':
      decodeIncrementReply(reply);
      break;
    case 'DCS.TOUCH':
      decodeTouchReply(reply);
      break;
    default:
      throw unexpected(command, reply);
  }
}

const COUNTS = ['epoch', 'entries', 'bytes', 'maxEntries', 'maxBytes', 'hits', 'misses', 'tombstones'] as const;

/** The reply to DCS.STATS: a binary string. @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeStatsReply(reply: unknown): NodeStats {
  const stats = objectOf(reply);
  const { id, handoff, backup } = stats ?? {};
  if (
    typeof id === 'string' &&
    COUNTS.every((name) => isCount(stats![name])) &&
    hasCounts(handoff, ['slotsToGo', 'bytesReceived']) &&
    (stats!['fenced'] === undefined || stats!['fenced'] === true) &&
    (stats!['suspects'] === undefined || isListOfIds(stats!['suspects'])) &&
    (backup === undefined || (hasCounts(backup, ['entries', 'bytes', 'failures']) && isTime(backup['lastSuccessAt'])))
  ) {
    return stats as unknown as NodeStats;
  }
  throw unexpected('DCS.STATS', reply);
}

type Fields = Readonly<Record<string, unknown>>;

function isListOfIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => typeof id === 'string');
}

function objectOf(reply: unknown): Fields | undefined {
  try {
    const value: unknown = JSON.parse(fromBinary(typeof reply === 'string' ? reply : ''));
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function hasCounts(value: unknown, names: readonly string[]): value is Fields {
  return typeof value === 'object' && value !== null && names.every((name) => isCount((value as Fields)[name]));
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}

function isTime(value: unknown): boolean {
  return value === null || isCount(value);
}

/** `undefined` for an absent key. @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeTouchReply(reply: unknown): Version | undefined {
  if (reply === null) return undefined;
  if (typeof reply === 'string' && isVersionText(reply)) return parseVersion(reply);
  throw unexpected('DCS.TOUCH', reply);
}

/** Where a `MOVED` reply points: the text behind its first word. */
export function parseMoved(message: string): { slot: number; host: string; port: number } | undefined {
  const match = /^MOVED (\d{1,5}) (.+):(\d{1,5})$/.exec(message);
  return match ? { slot: Number(match[1]), host: match[2]!, port: Number(match[3]) } : undefined;
}

export function unexpected(command: string, reply: unknown): ProtocolError {
  return new ProtocolError('ERR_PROTOCOL_REPLY', `unexpected reply to ${command}: ${shown(reply)}`);
}

/** Of whatever came instead of a reply, enough to recognise it. */
function shown(reply: unknown): string {
  const text = typeof reply === 'string' ? JSON.stringify(reply.slice(0, 80)) : typeof reply;
  return Array.isArray(reply) ? `an array of ${reply.length}` : typeof reply === 'number' ? String(reply) : text;
}
