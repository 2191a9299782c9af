import { crc32 } from 'node:zlib';
import { slotOfBinary } from '@dcs/consistent-hash';
import { KIND_STRING, type Version } from '@dcs/protocol';
import { Entry, internKind, isFramed } from '../node/entry.js';
import { readVersion, VERSION_BYTES, writeVersion } from './entry-codec.js';

/**
 *     magic u32 | payload length u32 | checksum u32 | payload
 *
 *     payload of entries: 1 u8 | count u8 | text length u32 | text | count headers       of a flush: 2 u8 | version
 *     header: version.ms f64 | version.low f64 | expiresAt f64 | key length u16 | kind length u16 | value length u32
 *
 * all big-endian. The text is each entry's key, kind and framed value, one entry after the other; a kind of no length is
 * that of a string. A record has several entries, so that one write of text and one checksum do for all of them.
 *
 * The checksum is the CRC-32 of the payload, begun with the file's salt plus the record's place in the file. So a record
 * is one only where it was written: bytes of a client that look like a record never become one, not even where damage
 * makes the reader search for the next.
 */
const MAGIC = 0xd15c_0a7e;
const MAGIC_BYTES = Buffer.from('d15c0a7e', 'hex');
const PREFIX_BYTES = 12;
const TEXT_AT = 6;
const HEADER_BYTES = 32;
const ENTRIES = 1;
const FLUSH = 2;

/** What one damaged byte can cost: a record ends with the entry that reaches either. */
const MAX_ENTRIES = 64;
const MAX_TEXT_BYTES = 16 * 1024;

const INITIAL_BUFFER_BYTES = 64 * 1024;
/** A buffer that has grown beyond is given back. */
const MAX_BUFFER_BYTES = 8 * 2 ** 20;

/** Makes records for the end of a file of the journal, in a buffer that is used again and again. */
export class RecordEncoder {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BUFFER_BYTES);
  readonly #headers = Buffer.allocUnsafeSlow(MAX_ENTRIES * HEADER_BYTES);
  readonly #header = new DataView(this.#headers.buffer);
  /** Of the first byte in the buffer: see {@link seedAt}. */
  #seed = 0;
  /** In the buffer. */
  #used = 0;
  #text = '';
  #count = 0;

  /** Starts anew: what is encoded from now on will be at `position` of a file with this salt. */
  begin(salt: number, position: number): void {
    this.#seed = seedAt(salt, position);
    this.#used = 0;
    this.#text = '';
    this.#count = 0;
    if (this.#buffer.length > MAX_BUFFER_BYTES) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BUFFER_BYTES);
  }

  /** Bytes encoded since {@link begin}, but for headers of the last record. */
  get bytes(): number {
    return this.#used + this.#text.length;
  }

  addEntry(key: string, { ms, low, expiresAt, kind, framed }: Entry): void {
    const at = this.#count * HEADER_BYTES;
    const header = this.#header;
    const isString = kind === KIND_STRING;
    header.setFloat64(at, ms);
    header.setFloat64(at + 8, low);
    header.setFloat64(at + 16, expiresAt);
    header.setUint16(at + 24, key.length);
    header.setUint16(at + 26, isString ? 0 : kind.length);
    header.setUint32(at + 28, framed.length);
    // Concatenated, the texts of a record are copied together at its end, not one by one.
    this.#text += key;
    if (!isString) this.#text += kind;
    this.#text += framed;
    if (++this.#count === MAX_ENTRIES || this.#text.length >= MAX_TEXT_BYTES) this.#endEntries();
  }

  addFlush(floor: Version): void {
    this.#endEntries();
    const length = 1 + VERSION_BYTES;
    const at = this.#reserve(length);
    this.#buffer[at] = FLUSH;
    writeVersion(this.#buffer, at + 1, floor);
    this.#seal(length);
  }

  /** All records since {@link begin}. Good until the next one. */
  end(): Buffer {
    this.#endEntries();
    return this.#buffer.subarray(0, this.#used);
  }

  #endEntries(): void {
    const count = this.#count;
    if (count === 0) return;
    const text = this.#text;
    const length = TEXT_AT + text.length + count * HEADER_BYTES;
    const at = this.#reserve(length);
    const buffer = this.#buffer;
    buffer[at] = ENTRIES;
    buffer[at + 1] = count;
    buffer.writeUInt32BE(text.length, at + 2);
    buffer.write(text, at + TEXT_AT, 'latin1');
    this.#headers.copy(buffer, at + TEXT_AT + text.length, 0, count * HEADER_BYTES);
    this.#text = '';
    this.#count = 0;
    this.#seal(length);
  }

  /** Makes room for one more record; returns where its payload begins. */
  #reserve(payloadBytes: number): number {
    const needed = this.#used + PREFIX_BYTES + payloadBytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, needed));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    return this.#used + PREFIX_BYTES;
  }

  #seal(payloadBytes: number): void {
    const buffer = this.#buffer;
    const start = this.#used;
    const payload = start + PREFIX_BYTES;
    const end = payload + payloadBytes;
    buffer.writeUInt32BE(MAGIC, start);
    buffer.writeUInt32BE(payloadBytes, start + 4);
    buffer.writeUInt32BE(crc32(buffer.subarray(payload, end), seedAt(this.#seed, start)), start + 8);
    this.#used = end;
  }
}

/** With what the checksum of a record at this place of its file begins. */
function seedAt(salt: number, position: number): number {
  return (salt + position) >>> 0;
}

export interface RecordVisitor {
  entry(key: string, entry: Entry): void;
  flush(floor: Version): void;
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

  /** Visits what the next record has; false at the end. */
  read(visitor: RecordVisitor): boolean {
    let end = this.#endOfRecord();
    while (end === undefined) {
      this.#inGap = true;
      const next = this.#bytes.indexOf(MAGIC_BYTES, this.#at + 1);
      if (next < 0) return false;
      this.#at = next;
      end = this.#endOfRecord();
    }
    const isReadable = this.#visit(this.#at + PREFIX_BYTES, end, visitor);
    if (this.#inGap || !isReadable) this.damaged++;
    this.#inGap = false;
    this.#at = end;
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

  /** Returns whether its bytes, whose checksum was right, are what a record has. */
  #visit(payload: number, end: number, visitor: RecordVisitor): boolean {
    const bytes = this.#bytes;
    if (bytes[payload] === FLUSH && end - payload === 1 + VERSION_BYTES) {
      visitor.flush(readVersion(bytes, payload + 1));
      return true;
    }
    if (bytes[payload] !== ENTRIES || end - payload < TEXT_AT) return false;
    const count = bytes[payload + 1]!;
    let at = payload + TEXT_AT;
    const textEnd = at + bytes.readUInt32BE(payload + 2);
    if (textEnd + count * HEADER_BYTES !== end) return false;
    let isSound = true;
    for (let header = textEnd; header < end; header += HEADER_BYTES) {
      const keyEnd = at + bytes.readUInt16BE(header + 24);
      const kindEnd = keyEnd + bytes.readUInt16BE(header + 26);
      const valueEnd = kindEnd + bytes.readUInt32BE(header + 28);
      if (valueEnd > textEnd) return false;
      const key = bytes.toString('latin1', at, keyEnd);
      const kind = kindEnd === keyEnd ? KIND_STRING : internKind(bytes.toString('latin1', keyEnd, kindEnd));
      const framed = bytes.toString('latin1', kindEnd, valueEnd);
      at = valueEnd;
      if (!isFramed(framed, kind)) {
        isSound = false;
        continue;
      }
      visitor.entry(
        key,
        new Entry(
          framed,
          kind,
          bytes.readDoubleBE(header),
          bytes.readDoubleBE(header + 8),
          Math.ceil(bytes.readDoubleBE(header + 16)), // records of before have fractions
          slotOfBinary(key),
        ),
      );
    }
    return isSound && at === textEnd;
  }
}
