import { encodeCommandBinary } from '@dcs/resp';
import { decodeHeader, type EntryHeader } from './entry-header.js';
import { ProtocolError } from './errors.js';
import { type SlotSet, SLOTS } from './slot-set.js';
import { tokenDigest } from './token.js';
import { formatVersion, parseVersion, type Version } from './version.js';

/*
 * What cache nodes say to each other. `epoch` is the sender's view; a receiver with an older view refreshes it before
 * it answers, except to DCS.MERGE, which is safe to take at once.
 */

/** The operation behind a copy, so that a repeated attempt at another owner answers the first result. */
export interface OperationRecord {
  readonly stamp: Version;
  readonly value: number;
  /** '' = none. */
  readonly token: string;
}

/** `DCS.MERGE epoch key header value stamp result token` -> +OK | -STALEVIEW epoch | -OOM. `stamp` is `-` without an operation. */
export function encodeMerge(
  epoch: number,
  key: string,
  header: string,
  value: string,
  operation: OperationRecord | undefined,
): string {
  const stamp = operation === undefined ? '-' : formatVersion(operation.stamp);
  return encodeCommandBinary([
    'DCS.MERGE',
    epoch,
    key,
    header,
    value,
    stamp,
    operation?.value ?? 0,
    operation?.token ?? '',
  ]);
}

/** An operation that may have been carried out already: its stamp, and the client's token or ''. */
export interface RepeatedOperation {
  readonly stamp: Version;
  readonly token: string;
}

/**
 * `DCS.FETCH epoch key [stamp token]` -> [header | nil, value | nil, ids of the nodes the answerer itself still imports
 * from, what it remembers of the operation as `version value` or ''], the last only for an operation.
 */
export function encodeFetch(epoch: number, key: string, operation?: RepeatedOperation): string {
  if (operation === undefined) return encodeCommandBinary(['DCS.FETCH', epoch, key]);
  return encodeCommandBinary(['DCS.FETCH', epoch, key, formatVersion(operation.stamp), operation.token]);
}

/**
 * `DCS.VOUCH epoch key since` -> as `DCS.FETCH epoch key` | -STALE: the answerer has not owned the key's slot all the time
 * since the view of epoch `since`.
 */
export function encodeVouch(epoch: number, key: string, since: number): string {
  return encodeCommandBinary(['DCS.VOUCH', epoch, key, since]);
}

/** `DCS.DIGEST epoch slots` -> [digests, settled, sources]: see {@link SlotDigests}. */
export function encodeDigest(epoch: number, slots: SlotSet): string {
  return encodeCommandBinary(['DCS.DIGEST', epoch, slots.toBinary()]);
}

/** `DCS.PULL epoch slots cursor maxBytes` -> [next cursor, clock, (key, header, value)...]; a scan from cursor `0` to cursor `0`. */
export function encodePull(epoch: number, slots: SlotSet, cursor: string, maxBytes: number): string {
  return encodeCommandBinary(['DCS.PULL', epoch, slots.toBinary(), cursor, maxBytes]);
}

/**
 * `DCS.REMEMBERED epoch slots cursor maxBytes` -> [next cursor, (record, key, token)...]: what the node remembers of
 * the operations on slots; a scan from cursor `0` to cursor `0`. See {@link DedupRecord}.
 */
export function encodeRemembered(epoch: number, slots: SlotSet, cursor: string, maxBytes: number): string {
  return encodeCommandBinary(['DCS.REMEMBERED', epoch, slots.toBinary(), cursor, maxBytes]);
}

/** `DCS.SYNC epoch id slots` -> +OK: the receiver is to compare these slots with node `id`, and to take what differs. */
export function encodeSync(epoch: number, id: string, slots: SlotSet): string {
  return encodeCommandBinary(['DCS.SYNC', epoch, id, slots.toBinary()]);
}

/**
 * `DCS.LEASE epoch id` -> +OK: node `id` lacks no acknowledged write of this primary's, and none will be acknowledged
 * without it for a moment | -STALEVIEW epoch | -TRYAGAIN: it lacks some.
 */
export function encodeLease(epoch: number, id: string): string {
  return encodeCommandBinary(['DCS.LEASE', epoch, id]);
}

/** The node owns the slot, and imports nothing for it any more. */
export const SLOT_IN_SYNC = '1';
/**
 * As {@link SLOT_IN_SYNC}, but entries of the slot were evicted without a trace while an owner may have been behind: older
 * copies of what it does not hold are to be dropped.
 */
export const SLOT_UNTRACED = 'e';
/** It does not own the slot, and has all there was when it last did. */
export const SLOT_COMPLETE = '2';
/** It owns the slot, had all of it before, and asks others whether they have more. */
export const SLOT_COMPARING = '3';
/** It cannot say yet what there is: it waits for nodes, or a backup. */
export const SLOT_BLOCKED = 'h';
/** It may lack some. */
export const SLOT_INCOMPLETE = '0';

/** A node's word on the slots it was asked for, in ascending order of slots. */
export interface SlotDigests {
  /** 8 bytes per slot: equal for equal entries and tombstones. */
  readonly digests: string;
  /** One character per slot, as {@link SLOT_IN_SYNC} and those beside it. */
  readonly standings: string;
  /** Ids of the nodes that it still imports any of these slots from. */
  readonly sources: readonly string[];
}

export const DIGEST_BYTES = 8;

/** Whether the `index`-th digests of two lists of them are equal. */
export function sameDigest(a: string, b: string, index: number): boolean {
  const end = (index + 1) * DIGEST_BYTES;
  for (let i = index * DIGEST_BYTES; i < end; i++) if (a.charCodeAt(i) !== b.charCodeAt(i)) return false;
  return true;
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeDigestReply(reply: unknown, slots: number): SlotDigests {
  if (Array.isArray(reply) && reply.length === 3) {
    const [digests, standings, sources] = reply as unknown[];
    if (
      typeof digests === 'string' &&
      digests.length === slots * DIGEST_BYTES &&
      typeof standings === 'string' &&
      standings.length === slots &&
      typeof sources === 'string'
    ) {
      return { digests, standings, sources: decodeIds(sources) };
    }
  }
  throw new ProtocolError('ERR_PROTOCOL_REPLY', 'unexpected reply to DCS.DIGEST');
}

/** One entry as it travels between nodes. */
export interface CopiedEntry extends EntryHeader {
  readonly key: string;
  readonly value: string;
}

export interface PulledPage {
  /** `0` when the scan is done. */
  readonly cursor: string;
  /** The answerer's. */
  readonly clock: Version;
  readonly entries: readonly CopiedEntry[];
  /** Of the entries as they travelled. */
  readonly bytes: number;
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodePullReply(reply: unknown): PulledPage {
  if (
    Array.isArray(reply) &&
    reply.length >= 2 &&
    reply.length % 3 === 2 &&
    reply.every((part) => typeof part === 'string')
  ) {
    const parts = reply as string[];
    const entries: CopiedEntry[] = [];
    let bytes = 0;
    for (let i = 2; i < parts.length; i += 3) {
      const [key = '', header = '', value = ''] = parts.slice(i, i + 3);
      bytes += key.length + header.length + value.length;
      entries.push({ key, value, ...decodeHeader(header) });
    }
    return { cursor: parts[0]!, clock: parseVersion(parts[1]!), entries, bytes };
  }
  throw new ProtocolError('ERR_PROTOCOL_REPLY', 'unexpected reply to DCS.PULL');
}

/** What an operation answered. */
export interface DedupResult {
  readonly version: Version;
  readonly value: number;
}

export interface FetchedEntry {
  readonly entry: (EntryHeader & { readonly value: string }) | undefined;
  readonly sources: readonly string[];
  /** Of the operation that was asked for. */
  readonly result: FetchedResult | undefined;
}

/** What an operation answered, and the digest of the client's request that it was remembered with. */
export interface FetchedResult extends DedupResult {
  readonly digest?: string;
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeFetchReply(reply: unknown): FetchedEntry {
  if (Array.isArray(reply) && (reply.length === 3 || reply.length === 4) && typeof reply[2] === 'string') {
    const [header, value, sources, remembered] = reply as unknown[];
    const result = decodeResult(remembered);
    if (header === null) return { entry: undefined, sources: decodeIds(sources as string), result };
    if (typeof header === 'string' && typeof value === 'string')
      return { entry: { value, ...decodeHeader(header) }, sources: decodeIds(sources as string), result };
  }
  throw new ProtocolError('ERR_PROTOCOL_REPLY', 'unexpected reply to DCS.FETCH');
}

export function encodeResult(result: (DedupResult & { readonly token?: string }) | undefined): string {
  if (result === undefined) return '';
  const digest = tokenDigest(result.token ?? '');
  return `${formatVersion(result.version)} ${result.value}${digest === '' ? '' : ` ${digest}`}`;
}

function decodeResult(text: unknown): FetchedResult | undefined {
  if (text === undefined || text === '') return undefined;
  const [version = '', value = '', digest = ''] = typeof text === 'string' ? text.split(' ') : [];
  const result = { version: parseVersion(version), value: integerOf(value) };
  return digest === '' ? result : { ...result, digest };
}

/** What a node remembers of an operation: by its stamp, or by the client's token until a time. */
export type DedupRecord = DedupResult & { readonly slot: number } & (
    | { readonly stamp: Version; readonly token?: undefined }
    | { readonly stamp?: undefined; readonly key: string; readonly token: string; readonly forgetAt: number }
  );

/** The three parts of one in a reply to `DCS.REMEMBERED`: `slot version value stamp`, or `slot version value =time` with key and token. */
export function encodeDedupRecord(operation: DedupRecord): readonly [string, string, string] {
  const { slot, version, value } = operation;
  const result = `${slot} ${formatVersion(version)} ${value}`;
  if (operation.stamp !== undefined) return [`${result} ${formatVersion(operation.stamp)}`, '', ''];
  return [`${result} =${operation.forgetAt}`, operation.key, operation.token];
}

export interface DedupPage {
  /** `0` when the scan is done. */
  readonly cursor: string;
  readonly operations: readonly DedupRecord[];
  /** Of the operations as they travelled. */
  readonly bytes: number;
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeRememberedReply(reply: unknown): DedupPage {
  if (
    !Array.isArray(reply) ||
    reply.length === 0 ||
    reply.length % 3 !== 1 ||
    !reply.every((part) => typeof part === 'string')
  ) {
    throw new ProtocolError('ERR_PROTOCOL_REPLY', 'unexpected reply to DCS.REMEMBERED');
  }
  const parts = reply as string[];
  const operations: DedupRecord[] = [];
  let bytes = 0;
  for (let i = 1; i < parts.length; i += 3) {
    const [record = '', key = '', token = ''] = parts.slice(i, i + 3);
    bytes += record.length + key.length + token.length;
    const [slot = '', version = '', value = '', by = ''] = record.split(' ');
    const result = { slot: slotOf(slot), version: parseVersion(version), value: integerOf(value) };
    if (by.startsWith('=')) operations.push({ ...result, key, token, forgetAt: integerOf(by.slice(1)) });
    else operations.push({ ...result, stamp: parseVersion(by) });
  }
  return { cursor: parts[0]!, operations, bytes };
}

function slotOf(text: string): number {
  const slot = integerOf(text);
  if (slot >= 0 && slot < SLOTS) return slot;
  throw new ProtocolError('ERR_PROTOCOL_REPLY', `want a slot below ${SLOTS}, got ${slot}`);
}

function integerOf(text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isSafeInteger(value)) return value;
  throw new ProtocolError('ERR_PROTOCOL_REPLY', `want an integer, got ${JSON.stringify(text.slice(0, 40))}`);
}

/** Ids hold no control characters, so a line feed parts them. */
export function encodeIds(ids: Iterable<string>): string {
  return [...ids].join('\n');
}

function decodeIds(text: string): string[] {
  return text === '' ? [] : text.split('\n');
}
