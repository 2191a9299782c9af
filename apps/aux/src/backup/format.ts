import { crc32 } from 'node:zlib';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { BackupError } from './errors.js';

/*
 * A backup file:
 *
 *   head   magic "DCSBACKU" | version u32 | length u32 | JSON | crc32 of all before
 *   block  header (108 bytes, with its own crc32) | compressed records            ... any number of them
 *   foot   JSON | length u32 | crc32 of JSON | version u32 | magic "DCSBACKE"
 *
 * Numbers are big-endian. Every version keeps the head up to its JSON, and the last 20 bytes, as they are here, so that a
 * program knows a file that is too new for it. A file without a valid foot is incomplete. The foot repeats the head: with
 * either of them the blocks can be read, which name their file and their place in it, so that one is found again
 * behind damage, and no copy of a block inside a value is ever taken for one.
 */

export const FORMAT_VERSION = 1;
export const FILE_SUFFIX = '.dcsb';
export const TEMPORARY_SUFFIX = '.dcsb.tmp';

/** Slots are stored in groups: a block holds slots of one group only, so that the loss of a block concerns few. */
export const SLOTS_PER_GROUP = 512;
export const GROUPS = SLOT_COUNT / SLOTS_PER_GROUP;
const BITMAP_BYTES = SLOTS_PER_GROUP / 8;

const HEAD_MAGIC = Buffer.from('DCSBACKU', 'latin1');
const END_MAGIC = Buffer.from('DCSBACKE', 'latin1');
export const BLOCK_MAGIC = Buffer.from('BLCK', 'latin1');
const PREAMBLE_BYTES = 16;
const CRC_BYTES = 4;
export const TAIL_BYTES = 20;
export const FILE_ID_BYTES = 8;
export const BLOCK_HEADER_BYTES = 44 + BITMAP_BYTES;
const MAX_JSON_BYTES = 2 ** 20;
/** Of one block's records: above the largest value a node can be told to take. */
const MAX_RAW_BYTES = 2 ** 29;

/** What a file says of itself at its beginning. */
export interface FileHead {
  /** 16 hexadecimal digits, random. */
  readonly fileId: string;
  readonly cluster: string;
  readonly node: string;
  /** When the backup began, ms since the Unix epoch: all that was acknowledged before is in it. */
  readonly createdAt: number;
  /** Of the node's view at the beginning. */
  readonly epoch: number;
  readonly replicas: number;
}

/** What a file says of itself at its end. */
export interface FileFoot extends FileHead {
  readonly finishedAt: number;
  readonly epochAtEnd: number;
  readonly entries: number;
  readonly tombstones: number;
  readonly blocks: number;
  /** Bytes of head and blocks. */
  readonly bodyBytes: number;
  /** crc32 of head and blocks. */
  readonly bodyCrc: number;
  /** The slots that it has whole, as `SlotSet` writes them, in base64. */
  readonly slots: string;
}

export interface BlockHeader {
  /** Of this header in its file. */
  readonly offset: number;
  readonly group: number;
  readonly records: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly storedCrc: number;
  /** One bit per slot of the group. */
  readonly bitmap: Uint8Array;
}

export function encodeHead(head: FileHead): Buffer {
  const json = Buffer.from(JSON.stringify(head), 'utf8');
  const bytes = Buffer.alloc(PREAMBLE_BYTES + json.length + CRC_BYTES);
  HEAD_MAGIC.copy(bytes);
  bytes.writeUInt32BE(FORMAT_VERSION, 8);
  bytes.writeUInt32BE(json.length, 12);
  json.copy(bytes, PREAMBLE_BYTES);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -CRC_BYTES)), bytes.length - CRC_BYTES);
  return bytes;
}

/** Bytes that a head needs in all, by its first bytes; `undefined` when it is none. */
export function headBytes(start: Buffer): number | undefined {
  if (start.length < PREAMBLE_BYTES || !start.subarray(0, 8).equals(HEAD_MAGIC)) return undefined;
  const length = start.readUInt32BE(12);
  return length > MAX_JSON_BYTES ? undefined : PREAMBLE_BYTES + length + CRC_BYTES;
}

/** `undefined` when it is damaged. @throws BackupError ERR_BACKUP_VERSION */
export function decodeHead(bytes: Buffer): FileHead | undefined {
  const length = headBytes(bytes);
  if (length === undefined || bytes.length < length) return undefined;
  const crcAt = length - CRC_BYTES;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32BE(crcAt)) return undefined;
  checkVersion(bytes.readUInt32BE(8));
  return JSON.parse(bytes.toString('utf8', PREAMBLE_BYTES, crcAt)) as FileHead;
}

export function encodeFoot(foot: FileFoot): Buffer {
  const json = Buffer.from(JSON.stringify(foot), 'utf8');
  const bytes = Buffer.alloc(json.length + TAIL_BYTES);
  json.copy(bytes);
  bytes.writeUInt32BE(json.length, json.length);
  bytes.writeUInt32BE(FORMAT_VERSION, json.length + 8);
  bytes.writeUInt32BE(footCrc(bytes, json.length), json.length + 4);
  END_MAGIC.copy(bytes, json.length + 12);
  return bytes;
}

/** Bytes of the foot in all, by a file's last {@link TAIL_BYTES}; `undefined` when it has none. */
export function footBytes(tail: Buffer): number | undefined {
  if (tail.length !== TAIL_BYTES || !tail.subarray(12).equals(END_MAGIC)) return undefined;
  const length = tail.readUInt32BE(0);
  return length > MAX_JSON_BYTES ? undefined : length + TAIL_BYTES;
}

/** `undefined` when it is damaged. @throws BackupError ERR_BACKUP_VERSION */
export function decodeFoot(bytes: Buffer): FileFoot | undefined {
  const length = bytes.length - TAIL_BYTES;
  if (footBytes(bytes.subarray(length)) !== bytes.length) return undefined;
  if (footCrc(bytes, length) !== bytes.readUInt32BE(length + 4)) return undefined;
  checkVersion(bytes.readUInt32BE(length + 8));
  return JSON.parse(bytes.toString('utf8', 0, length)) as FileFoot;
}

/** Of the JSON, its length and the version. */
function footCrc(bytes: Buffer, length: number): number {
  return crc32(bytes.subarray(length + 8, length + 12), crc32(bytes.subarray(0, length + 4)));
}

function checkVersion(version: number): void {
  if (version <= FORMAT_VERSION) return;
  throw new BackupError(
    'ERR_BACKUP_VERSION',
    `the backup has format ${version}, and this program reads up to ${FORMAT_VERSION}: use the version that wrote it`,
  );
}

export function encodeBlockHeader(fileId: Buffer, header: BlockHeader): Buffer {
  const bytes = Buffer.alloc(BLOCK_HEADER_BYTES);
  BLOCK_MAGIC.copy(bytes);
  fileId.copy(bytes, 4);
  bytes.writeDoubleBE(header.offset, 12);
  bytes.writeUInt16BE(header.group, 20);
  bytes.writeUInt32BE(header.records, 24);
  bytes.writeUInt32BE(header.rawBytes, 28);
  bytes.writeUInt32BE(header.storedBytes, 32);
  bytes.writeUInt32BE(header.storedCrc, 36);
  bytes.set(header.bitmap, 40);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 40 + BITMAP_BYTES)), 40 + BITMAP_BYTES);
  return bytes;
}

/** `undefined` unless a header of this file is what stands there. @param offset where it stands in the file */
export function decodeBlockHeader(bytes: Buffer, at: number, fileId: Buffer, offset: number): BlockHeader | undefined {
  if (at + BLOCK_HEADER_BYTES > bytes.length) return undefined;
  const slice = bytes.subarray(at, at + BLOCK_HEADER_BYTES);
  if (!slice.subarray(0, 4).equals(BLOCK_MAGIC) || !slice.subarray(4, 12).equals(fileId)) return undefined;
  if (crc32(slice.subarray(0, 40 + BITMAP_BYTES)) !== slice.readUInt32BE(40 + BITMAP_BYTES)) return undefined;
  const header: BlockHeader = {
    offset: slice.readDoubleBE(12),
    group: slice.readUInt16BE(20),
    records: slice.readUInt32BE(24),
    rawBytes: slice.readUInt32BE(28),
    storedBytes: slice.readUInt32BE(32),
    storedCrc: slice.readUInt32BE(36),
    bitmap: Uint8Array.prototype.slice.call(slice, 40, 40 + BITMAP_BYTES),
  };
  const sound = header.offset === offset && header.group < GROUPS && header.rawBytes <= MAX_RAW_BYTES;
  return sound ? header : undefined;
}

export function newBitmap(): Uint8Array {
  return new Uint8Array(BITMAP_BYTES);
}
