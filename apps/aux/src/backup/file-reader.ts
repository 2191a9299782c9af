import { crc32 } from 'node:zlib';
import { SlotSet } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import { decompress } from './codec.js';
import type { BackupFiles, OpenFile } from './backup-files.js';
import { BackupError } from './errors.js';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  type BlockHeader,
  decodeBlockHeader,
  decodeFoot,
  decodeHead,
  type FileFoot,
  type FileHead,
  footBytes,
  headBytes,
  SLOTS_PER_GROUP,
  TAIL_BYTES,
} from './format.js';
import { readRecord } from './record.js';

/** A block as it was read. */
export type ReadBlock =
  | { readonly sound: true; readonly records: number; readonly raw: Buffer }
  /** `slots`: those that it held, where that much could be read. */
  | { readonly sound: false; readonly slots: SlotSet | undefined };

const HEAD_READ_BYTES = 4096;
const WINDOW_BYTES = 2 ** 20;

/**
 * Reads one backup file. What is damaged is told and skipped; what is handed out is what was written. Either end of the
 * file is enough to read its blocks.
 */
export class FileReader {
  readonly size: number;
  readonly head: FileHead;
  /** Absent: the file is incomplete, or damaged at its end. */
  readonly foot: FileFoot | undefined;
  readonly #path: string;
  readonly #file: OpenFile;
  readonly #fileId: Buffer;
  /** Where the blocks begin; `undefined` when the head is damaged. */
  readonly #bodyAt: number | undefined;
  #window = Buffer.alloc(0);
  #windowAt = 0;

  private constructor(
    path: string,
    file: OpenFile,
    size: number,
    ends: { head: FileHead; foot: FileFoot | undefined; bodyAt: number | undefined },
  ) {
    this.#path = path;
    this.#file = file;
    this.size = size;
    this.head = ends.head;
    this.foot = ends.foot;
    this.#bodyAt = ends.bodyAt;
    this.#fileId = Buffer.from(ends.head.fileId, 'hex');
  }

  /** @throws BackupError ERR_BACKUP_DAMAGED, ERR_BACKUP_VERSION; what the disk says */
  static async open(disk: BackupFiles, path: string): Promise<FileReader> {
    const { size } = await disk.stat(path);
    const file = await disk.open(path, 'read');
    try {
      const read = async (at: number, length: number): Promise<Buffer> => {
        const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - at)));
        return buffer.subarray(0, await file.read(buffer, at));
      };
      const start = await read(0, HEAD_READ_BYTES);
      const headLength = headBytes(start);
      const head = headLength === undefined ? undefined : decodeHead(await read(0, headLength));
      const footLength = footBytes(await read(Math.max(0, size - TAIL_BYTES), TAIL_BYTES)) ?? Infinity;
      const foot = footLength > size ? undefined : decodeFoot(await read(size - footLength, footLength));
      const whole =
        foot !== undefined &&
        foot.bodyBytes + footLength === size &&
        (head === undefined || head.fileId === foot.fileId);
      const known = head ?? (whole ? foot : undefined);
      if (known === undefined) throw new BackupError('ERR_BACKUP_DAMAGED', `${path} is no backup, or is damaged`);
      const bodyAt = head === undefined ? undefined : headLength;
      return new FileReader(path, file, size, { head: known, foot: whole ? foot : undefined, bodyAt });
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  get headIsDamaged(): boolean {
    return this.#bodyAt === undefined;
  }

  /** The slots that the file has whole: none when it is incomplete. */
  get slots(): SlotSet {
    return this.foot === undefined ? new SlotSet() : slotsOf(this.foot);
  }

  /**
   * The blocks in their order, those without any of the `wanted` slots left out; each damaged stretch once.
   * @throws what the disk says
   */
  async *blocks(wanted?: SlotSet): AsyncGenerator<ReadBlock, void, undefined> {
    const end = this.foot?.bodyBytes ?? this.size;
    let at = this.#bodyAt ?? 0;
    let found = 0;
    let damaged = false;
    while (at < end) {
      const header = await this.#headerAt(at);
      if (header === undefined) {
        damaged = true;
        // A damaged head was counted as such: what follows it need not be.
        if (at > 0) yield { sound: false, slots: undefined };
        at = await this.#findHeader(at + 1, end);
        continue;
      }
      found++;
      const next = at + BLOCK_HEADER_BYTES + header.storedBytes;
      if (next <= end && (wanted === undefined || holdsAny(header, wanted))) yield await this.#read(header);
      else if (next > end) yield { sound: false, slots: slotsOfBlock(header) };
      at = next;
    }
    if (!damaged && this.foot !== undefined && found !== this.foot.blocks) yield { sound: false, slots: undefined };
  }

  /** Whether head and blocks are, byte for byte, what was written. Reads all of it. */
  async isBodySound(): Promise<boolean> {
    if (this.foot === undefined) return false;
    const { bodyBytes, bodyCrc } = this.foot;
    let crc = 0;
    for (let at = 0; at < bodyBytes; at += WINDOW_BYTES) {
      crc = crc32(await this.#bytes(at, Math.min(WINDOW_BYTES, bodyBytes - at)), crc);
    }
    return crc === bodyCrc;
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#file.close().catch(() => undefined);
  }

  async #read(header: BlockHeader): Promise<ReadBlock> {
    const stored = await this.#bytes(header.offset + BLOCK_HEADER_BYTES, header.storedBytes);
    if (stored.length === header.storedBytes && crc32(stored) === header.storedCrc) {
      try {
        return { sound: true, records: header.records, raw: await decompress(stored, header.rawBytes) };
      } catch {
        // told below
      }
    }
    return { sound: false, slots: slotsOfBlock(header) };
  }

  async #headerAt(at: number): Promise<BlockHeader | undefined> {
    return decodeBlockHeader(await this.#bytes(at, BLOCK_HEADER_BYTES), 0, this.#fileId, at);
  }

  /** Where the next block begins, `end` when there is none. */
  async #findHeader(from: number, end: number): Promise<number> {
    for (let at = from; at < end; ) {
      const bytes = await this.#bytes(at, Math.min(WINDOW_BYTES, end - at));
      if (bytes.length < BLOCK_HEADER_BYTES) break;
      const last = bytes.length - BLOCK_HEADER_BYTES;
      for (let i = bytes.indexOf(BLOCK_MAGIC); i >= 0 && i <= last; i = bytes.indexOf(BLOCK_MAGIC, i + 1)) {
        if (decodeBlockHeader(bytes, i, this.#fileId, at + i) !== undefined) return at + i;
      }
      at += last + 1;
    }
    return end;
  }

  /** Valid for as long as it is held; shorter at the end of the file. */
  async #bytes(at: number, length: number): Promise<Buffer> {
    const from = at - this.#windowAt;
    if (from >= 0 && from + length <= this.#window.length) return this.#window.subarray(from, from + length);
    const window = Buffer.allocUnsafeSlow(Math.max(0, Math.min(Math.max(length, WINDOW_BYTES), this.size - at)));
    this.#window = window.subarray(0, await this.#file.read(window, at));
    this.#windowAt = at;
    return this.#window.subarray(0, length);
  }

  get path(): string {
    return this.#path;
  }
}

/** The slots that a complete file has whole. */
export function slotsOf(foot: FileFoot): SlotSet {
  return SlotSet.fromBinary(Buffer.from(foot.slots, 'base64').toString('latin1'));
}

/**
 * Hands out the records of a sound block, from `at` on, for as long as `visit` returns true. Returns where it stopped;
 * `raw.length` at the end.
 * @throws BackupError ERR_BACKUP_DAMAGED
 */
export function readRecords(raw: Buffer, at: number, visit: (key: string, entry: Entry) => boolean): number {
  let more = true;
  let position: number | undefined = at;
  while (more && position < raw.length) {
    position = readRecord(raw, position, (key, entry) => (more = visit(key, entry)));
    if (position === undefined) throw new BackupError('ERR_BACKUP_DAMAGED', 'a block ends within a record');
  }
  return position;
}

function holdsAny(header: BlockHeader, wanted: SlotSet): boolean {
  for (const slot of slotsOfBlock(header)) if (wanted.has(slot)) return true;
  return false;
}

function slotsOfBlock({ group, bitmap }: BlockHeader): SlotSet {
  const slots = new SlotSet();
  for (let i = 0; i < SLOTS_PER_GROUP; i++) {
    if ((bitmap[i >> 3]! & (1 << (i & 7))) !== 0) slots.add(group * SLOTS_PER_GROUP + i);
  }
  return slots;
}
