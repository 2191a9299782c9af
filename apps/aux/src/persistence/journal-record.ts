import { crc32 } from 'node:zlib';
import { type Version } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import { encodedLength, readEntry, readVersion, VERSION_BYTES, writeEntry, writeVersion } from './entry-codec.js';

/**
 *     magic u32 | payload length u32 | checksum u32 | payload
 *
 *     payload of an entry: 1 u8 | key length u16 | key | entry       of a flush: 2 u8 | version
 *
 * The checksum is the CRC-32 of the payload, begun with the file's salt plus the record's place in the file. So a record
 * is one only where it was written: bytes of a client that look like a record never become one, not even where damage
 * makes the reader search for the next.
 */
const MAGIC = 0xd15c_0a7e;
const MAGIC_BYTES = Buffer.from('d15c0a7e', 'hex');
const PREFIX_BYTES = 12;
const KEY_AT = 3;
const ENTRY = 1;
const FLUSH = 2;

export interface RecordVisitor {
  entry(key: string, entry: Entry): void;
  flush(floor: Version): void;
}

export function entryRecordLength(key: string, entry: Entry): number {
  return PREFIX_BYTES + KEY_AT + key.length + encodedLength(entry);
}

export const FLUSH_RECORD_LENGTH = PREFIX_BYTES + 1 + VERSION_BYTES;

/** @param seed of the checksum: see {@link seedAt}. Returns where the record ends. */
export function writeEntryRecord(target: Buffer, start: number, seed: number, key: string, entry: Entry): number {
  let at = start + PREFIX_BYTES;
  target[at] = ENTRY;
  target.writeUInt16BE(key.length, at + 1);
  at += KEY_AT;
  at += target.write(key, at, 'latin1');
  return seal(target, start, writeEntry(target, at, entry), seed);
}

export function writeFlushRecord(target: Buffer, start: number, seed: number, floor: Version): number {
  target[start + PREFIX_BYTES] = FLUSH;
  return seal(target, start, writeVersion(target, start + PREFIX_BYTES + 1, floor), seed);
}

/** With what the checksum of a record at this place of its file begins. */
export function seedAt(salt: number, position: number): number {
  return (salt + position) >>> 0;
}

function seal(target: Buffer, start: number, end: number, seed: number): number {
  const payload = start + PREFIX_BYTES;
  target.writeUInt32BE(MAGIC, start);
  target.writeUInt32BE(end - payload, start + 4);
  target.writeUInt32BE(crc32(target.subarray(payload, end), seed), start + 8);
  return end;
}

/**
 * Reads the records of one file, a piece at a time. Whatever is no record is skipped up to the next one; such a gap is
 * `damaged` when a record follows, and a torn end when none does.
 */
export class RecordReader {
  damaged = 0;
  readonly #bytes: Buffer;
  readonly #salt: number;
  #at = 0;
  #inGap = false;

  constructor(bytes: Buffer, salt: number) {
    this.#bytes = bytes;
    this.#salt = salt;
  }

  /** Visits at most `count` records; false at the end. */
  read(count: number, visitor: RecordVisitor): boolean {
    for (let left = count; left > 0; left--) {
      let end = this.#endOfRecord();
      while (end === undefined) {
        this.#inGap = true;
        const next = this.#bytes.indexOf(MAGIC_BYTES, this.#at + 1);
        if (next < 0) return false;
        this.#at = next;
        end = this.#endOfRecord();
      }
      const readable = this.#visit(this.#at + PREFIX_BYTES, end, visitor);
      if (this.#inGap || !readable) this.damaged++;
      this.#inGap = false;
      this.#at = end;
    }
    return this.#at < this.#bytes.length;
  }

  #endOfRecord(): number | undefined {
    const at = this.#at;
    const bytes = this.#bytes;
    const payload = at + PREFIX_BYTES;
    if (payload > bytes.length || bytes.readUInt32BE(at) !== MAGIC) return undefined;
    const end = payload + bytes.readUInt32BE(at + 4);
    if (end > bytes.length || end === payload) return undefined;
    const checksum = crc32(bytes.subarray(payload, end), seedAt(this.#salt, at));
    return checksum === bytes.readUInt32BE(at + 8) ? end : undefined;
  }

  #visit(payload: number, end: number, visitor: RecordVisitor): boolean {
    const bytes = this.#bytes;
    if (bytes[payload] === FLUSH && end - payload === 1 + VERSION_BYTES) {
      visitor.flush(readVersion(bytes, payload + 1));
      return true;
    }
    if (bytes[payload] !== ENTRY || end - payload < KEY_AT) return false;
    const keyEnd = payload + KEY_AT + bytes.readUInt16BE(payload + 1);
    const key = bytes.toString('latin1', payload + KEY_AT, keyEnd);
    const entry = readEntry(key, bytes, keyEnd, end);
    if (entry === undefined) return false;
    visitor.entry(key, entry);
    return true;
  }
}
