import { slotOfBinary } from '@dcs/consistent-hash';
import { compareVersions, type EntryKind, KIND_STRING, KIND_TOMBSTONE, type Version } from '@dcs/protocol';

/**
 * What a node holds for a key; never changed once made. It is its own {@link Version} (`ms`, `low`).
 *
 * `framed` is the value as GET replies it, `$<length>\r\n<bytes>\r\n`: one flat binary string, so that a hit costs no
 * framing and no copy. A tombstone has kind `d`, no bytes, and in `expiresAt` the time from which it may be forgotten.
 */
export class Entry implements Version {
  constructor(
    readonly framed: string,
    readonly kind: EntryKind,
    readonly ms: number,
    readonly low: number,
    /** ms since the Unix epoch, 0 = never. */
    readonly expiresAt: number,
    readonly slot: number,
  ) {}
}

/**
 * Bytes that an entry occupies besides its key's and its value's own: the `Entry`, its three boxed numbers, two string
 * headers and their padding, the table's record, key/value pair, expiry and size, and its version there. Measured by
 * `scripts/measure-overhead.js`, rounded up.
 */
export const ENTRY_OVERHEAD_BYTES = 216;

export function entryOf(key: string, value: string, version: Version, expiresAt = 0, kind = KIND_STRING): Entry {
  if (kind === KIND_TOMBSTONE) return tombstoneOf(version, expiresAt, slotOfBinary(key));
  return new Entry(frame(value), internKind(kind), version.ms, version.low, expiresAt, slotOfBinary(key));
}

export function tombstoneOf(version: Version, forgetAt: number, slot: number): Entry {
  return new Entry('', KIND_TOMBSTONE, version.ms, version.low, forgetAt, slot);
}

/** An entry as it was found after nobody was there for `ms`: in that time no delete is forgotten. */
export function afterAbsence(entry: Entry, ms: number): Entry {
  return isTombstone(entry) && ms > 0 ? tombstoneOf(entry, Math.ceil(entry.expiresAt + ms), entry.slot) : entry;
}

/**
 * What was written in so long before a node ended may have replaced an entry that an owner without it still has on its
 * disk: one that was silent, and that nobody had taken out of the view yet. Far above a lease, and what a disk may be
 * wrong on when its node ended. ms.
 */
export const LAST_MS = 30_000;

/**
 * Whether an entry or a tombstone that is found after nobody was there for `absentMs` can be left out: a delete that is
 * forgotten by now, or an entry that has expired and was not among the last.
 */
export function isOverAfter(
  { ms, expiresAt }: Pick<Entry, 'ms' | 'expiresAt'>,
  isDelete: boolean,
  absentMs: number,
  now: number,
): boolean {
  if (expiresAt === 0 || expiresAt + (isDelete ? absentMs : 0) > now) return false;
  return isDelete || ms < now - absentMs - LAST_MS;
}

/** The bytes of a value as GET replies them, in one flat string. */
export function frame(value: string): string {
  // A concatenation would be kept as a tree of its parts; a copy through bytes is flat.
  return Buffer.from(`$${value.length}\r\n${value}\r\n`, 'latin1').toString('latin1');
}

export function valueOf(entry: Entry): string {
  const { framed } = entry;
  return framed.slice(framed.indexOf('\n') + 1, -2);
}

/** Bytes in a framed value. */
export function lengthOf(framed: string): number {
  return framed.length - framed.indexOf('\n') - 3;
}

/** Whether bytes are what an entry of this kind replies to GET: what was read from a disk goes to clients as it is. */
export function isFramed(framed: string, kind: EntryKind): boolean {
  if (kind === KIND_TOMBSTONE) return framed === '';
  return framed.endsWith('\r\n') && framed.startsWith(`$${lengthOf(framed)}\r\n`);
}

/** Bytes of account of an entry: key, framed value and overhead. */
export function sizeOf(keyBytes: number, framedBytes: number): number {
  return keyBytes + framedBytes + ENTRY_OVERHEAD_BYTES;
}

export function isTombstone(entry: Entry): boolean {
  return entry.kind === KIND_TOMBSTONE;
}

/**
 * The total order behind `merge`. Versions decide; two different entries with one version, which only a fault can
 * produce, are ordered by content, so that all nodes still end with the same one.
 */
export function supersedes(incoming: Entry, stored: Entry): boolean {
  const order = compareVersions(incoming, stored);
  if (order !== 0) return order > 0;
  if (isTombstone(incoming) !== isTombstone(stored)) return isTombstone(incoming);
  if (incoming.framed !== stored.framed) return incoming.framed > stored.framed;
  if (incoming.kind !== stored.kind) return incoming.kind > stored.kind;
  return incoming.expiresAt > stored.expiresAt;
}

const MAX_INTERNED_KINDS = 1024;
const kinds = new Map<string, EntryKind>();

/** The one shared string for a kind, so that entries do not keep a copy each; a bounded number of them. */
export function internKind(kind: string): EntryKind {
  if (kind === KIND_STRING) return KIND_STRING;
  const known = kinds.get(kind);
  if (known !== undefined) return known;
  if (kinds.size < MAX_INTERNED_KINDS) kinds.set(kind, kind);
  return kind;
}
