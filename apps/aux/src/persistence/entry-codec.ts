import { crc32 } from 'node:zlib';
import { slotOfBinary } from '@dcs/consistent-hash';
import { KIND_TOMBSTONE, type Version } from '@dcs/protocol';
import { Entry, internKind } from '../node/entry.js';

/**
 * The bytes of an entry in the entry file:
 *
 *     version.ms u48 | version.low u48 | expiresAt u48 | kind length u16 | kind | framed value
 *
 * all big-endian. The framed value is the bytes that GET replies, so that loading frames nothing again.
 */
const HEADER_BYTES = 20;
export const VERSION_BYTES = 12;
const CHECKSUM_BYTES = 4;
const PART_BYTES = 6;
const TOMBSTONE = KIND_TOMBSTONE.charCodeAt(0);

function encodedLength(entry: Entry): number {
  return HEADER_BYTES + entry.kind.length + entry.framed.length;
}

export function writeVersion(target: Buffer, offset: number, { ms, low }: Version): number {
  target.writeUIntBE(ms, offset, PART_BYTES);
  return target.writeUIntBE(low, offset + PART_BYTES, PART_BYTES);
}

export function readVersion(source: Buffer, offset: number): Version {
  return { ms: source.readUIntBE(offset, PART_BYTES), low: source.readUIntBE(offset + PART_BYTES, PART_BYTES) };
}

/** Returns where it ends. */
function writeEntry(target: Buffer, offset: number, entry: Entry): number {
  let at = writeVersion(target, offset, entry);
  at = target.writeUIntBE(entry.expiresAt, at, PART_BYTES);
  at = target.writeUInt16BE(entry.kind.length, at);
  at += target.write(entry.kind, at, 'latin1');
  return at + target.write(entry.framed, at, 'latin1');
}

/** From bytes whose checksum was right; undefined when they are no entry all the same. */
function readEntry(key: string, source: Buffer, start: number, end: number): Entry | undefined {
  if (end - start < HEADER_BYTES) return undefined;
  const { ms, low } = readVersion(source, start);
  const expiresAt = source.readUIntBE(start + VERSION_BYTES, PART_BYTES);
  const kindAt = start + HEADER_BYTES;
  const valueAt = kindAt + source.readUInt16BE(kindAt - 2);
  if (valueAt > end || valueAt === kindAt) return undefined;
  const kind = internKind(source.toString('latin1', kindAt, valueAt));
  return new Entry(source.toString('latin1', valueAt, end), kind, ms, low, expiresAt, slotOfBinary(key));
}

/** A value of the entry file: CRC-32 of key and entry, u32, and the entry. */
export function encodeValue(key: Buffer, entry: Entry): Buffer {
  const value = Buffer.allocUnsafe(CHECKSUM_BYTES + encodedLength(entry));
  writeEntry(value, CHECKSUM_BYTES, entry);
  value.writeUInt32BE(crc32(value.subarray(CHECKSUM_BYTES), crc32(key)), 0);
  return value;
}

/** Whether a value of the entry file is what was written under this key. */
export function isIntact(key: Buffer, value: Buffer): boolean {
  const { length } = value; // LMDB lends a longer buffer, whose `length` alone is the value's
  return (
    length >= CHECKSUM_BYTES && value.readUInt32BE(0) === crc32(value.subarray(CHECKSUM_BYTES, length), crc32(key))
  );
}

export function decodeValue(key: string, value: Buffer): Entry | undefined {
  return readEntry(key, value, CHECKSUM_BYTES, value.length);
}

/** What there is to know of an intact value before it is decoded. */
export interface ValueSummary extends Version {
  readonly expiresAt: number;
  readonly tombstone: boolean;
  readonly framedBytes: number;
}

export function summarize(value: Buffer): ValueSummary {
  const kindAt = CHECKSUM_BYTES + HEADER_BYTES;
  const { ms, low } = readVersion(value, CHECKSUM_BYTES);
  return {
    ms,
    low,
    expiresAt: value.readUIntBE(CHECKSUM_BYTES + VERSION_BYTES, PART_BYTES),
    tombstone: value[kindAt] === TOMBSTONE,
    framedBytes: value.length - kindAt - value.readUInt16BE(kindAt - 2),
  };
}
