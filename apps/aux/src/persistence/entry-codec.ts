import { crc32 } from 'node:zlib';
import { slotOfBinary } from '@dcs/consistent-hash';
import { KIND_TOMBSTONE, type Version } from '@dcs/protocol';
import { Entry, internKind, isFramed } from '../node/entry.js';

/**
 * The bytes of an entry in the entry file:
 *
 *     version.ms u48 | version.low u48 | expiresAt low u48 | expiresAt high u5, kind length u11 | kind | framed value
 *
 * all big-endian: what `entryFault` lets pass fits, an expiry of 53 bits and a kind of 256 bytes. The framed value is the bytes that GET replies, so that loading frames nothing again.
 */
const HEADER_BYTES = 20;
export const VERSION_BYTES = 12;
const CHECKSUM_BYTES = 4;
const PART_BYTES = 6;
const LOW_RANGE = 2 ** 48;
const KIND_LENGTH_BITS = 11;
const KIND_LENGTH_MASK = 2 ** KIND_LENGTH_BITS - 1;
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
  const high = Math.floor(entry.expiresAt / LOW_RANGE);
  at = target.writeUIntBE(entry.expiresAt - high * LOW_RANGE, at, PART_BYTES);
  at = target.writeUInt16BE((high << KIND_LENGTH_BITS) | entry.kind.length, at);
  at += target.write(entry.kind, at, 'latin1');
  return at + target.write(entry.framed, at, 'latin1');
}

function readExpiry(source: Buffer, start: number): number {
  const at = start + VERSION_BYTES;
  return (source.readUInt16BE(at + PART_BYTES) >> KIND_LENGTH_BITS) * LOW_RANGE + source.readUIntBE(at, PART_BYTES);
}

/** Where the kind ends, and the framed value begins. */
function kindEnd(source: Buffer, start: number): number {
  const kindAt = start + HEADER_BYTES;
  return kindAt + (source.readUInt16BE(kindAt - 2) & KIND_LENGTH_MASK);
}

/** From bytes whose checksum was right; undefined when they are no entry all the same. */
function readEntry(key: string, source: Buffer, start: number, end: number): Entry | undefined {
  if (end - start < HEADER_BYTES) return undefined;
  const { ms, low } = readVersion(source, start);
  const valueAt = kindEnd(source, start);
  if (valueAt > end) return undefined;
  const kind = internKind(source.toString('latin1', start + HEADER_BYTES, valueAt));
  const framed = source.toString('latin1', valueAt, end);
  if (!isFramed(framed, kind)) return undefined;
  return new Entry(framed, kind, ms, low, readExpiry(source, start), slotOfBinary(key));
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
    expiresAt: readExpiry(value, CHECKSUM_BYTES),
    tombstone: value[kindAt] === TOMBSTONE,
    framedBytes: value.length - kindEnd(value, CHECKSUM_BYTES),
  };
}
