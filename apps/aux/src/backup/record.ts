import { type Version } from '@dcs/protocol';
import { type Entry, entryOf, isTombstone, lengthOf, valueOf } from '../node/entry.js';

/*
 * A record: key length u16 | kind length u16 | value length u32 | version ms f64 | version low f64 | expiry f64, then
 * key, kind and value. In files of before an expiry may be a fraction, which becomes the next ms.
 */
const FIXED_BYTES = 32;

/** Bytes that the record of an entry needs. */
export function recordBytes(key: string, entry: Entry): number {
  return FIXED_BYTES + key.length + entry.kind.length + (isTombstone(entry) ? 0 : lengthOf(entry.framed));
}

/** Writes a record; returns where it ends. */
export function writeRecord(into: Buffer, at: number, key: string, entry: Entry): number {
  const value = isTombstone(entry) ? '' : valueOf(entry);
  into.writeUInt16BE(key.length, at);
  into.writeUInt16BE(entry.kind.length, at + 2);
  into.writeUInt32BE(value.length, at + 4);
  into.writeDoubleBE(entry.ms, at + 8);
  into.writeDoubleBE(entry.low, at + 16);
  into.writeDoubleBE(entry.expiresAt, at + 24);
  let end = at + FIXED_BYTES;
  end += into.write(key, end, 'latin1');
  end += into.write(entry.kind, end, 'latin1');
  end += into.write(value, end, 'latin1');
  return end;
}

/** Reads a record, and returns where it ends; `undefined` when there is no whole record. */
export function readRecord(bytes: Buffer, at: number, visit: (key: string, entry: Entry) => void): number | undefined {
  if (at + FIXED_BYTES > bytes.length) return undefined;
  const keyEnd = at + FIXED_BYTES + bytes.readUInt16BE(at);
  const kindEnd = keyEnd + bytes.readUInt16BE(at + 2);
  const end = kindEnd + bytes.readUInt32BE(at + 4);
  if (end > bytes.length) return undefined;
  const version: Version = { ms: bytes.readDoubleBE(at + 8), low: bytes.readDoubleBE(at + 16) };
  const key = bytes.toString('latin1', at + FIXED_BYTES, keyEnd);
  const kind = bytes.toString('latin1', keyEnd, kindEnd);
  visit(
    key,
    entryOf(key, bytes.toString('latin1', kindEnd, end), version, Math.ceil(bytes.readDoubleBE(at + 24)), kind),
  );
  return end;
}

/** Whether an entry's time is over. A tombstone counts whatever its time: it may still bury an older entry. */
export function isExpired(entry: Entry, now: number): boolean {
  return entry.expiresAt !== 0 && entry.expiresAt <= now && !isTombstone(entry);
}
