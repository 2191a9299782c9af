import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { SlotSet } from '@dcs/protocol';
import { type Entry, isTombstone } from '../node/entry.js';
import { BlockBuilder, type OpenBlock } from './block-builder.js';
import { compress } from './codec.js';
import type { BackupFiles, OpenFile } from './backup-files.js';
import {
  encodeBlockHeader,
  encodeFoot,
  encodeHead,
  FILE_SUFFIX,
  type FileFoot,
  type FileHead,
  TEMPORARY_SUFFIX,
} from './format.js';

export interface FileWriterOptions {
  readonly disk: BackupFiles;
  readonly folder: string;
  /** Without a suffix. */
  readonly name: string;
  readonly head: FileHead;
}

/** What is only known at the end. */
export interface Ending {
  readonly finishedAt: number;
  readonly epochAtEnd: number;
  /** The slots that the file has whole. */
  readonly slots: SlotSet;
}

/** Blocks that may wait for the disk before the one who adds has to. */
const MAX_WAITING_BLOCKS = 4;

/**
 * Writes one backup file: nothing of its name is to be seen before all of it is on the disk. Compresses on the thread
 * pool. After an error every further call fails with it; then {@link abort}.
 */
export class FileWriter {
  entries = 0;
  tombstones = 0;
  /** Bytes of the file so far. */
  bytes = 0;
  readonly #options: FileWriterOptions;
  readonly #file: OpenFile;
  readonly #builder: BlockBuilder;
  readonly #fileId: Buffer;
  #blocks = 0;
  #crc = 0;
  #waiting = 0;
  #work: Promise<void> = Promise.resolve();
  #error: Error | undefined;

  private constructor(options: FileWriterOptions, file: OpenFile) {
    this.#options = options;
    this.#file = file;
    this.#fileId = Buffer.from(options.head.fileId, 'hex');
    this.#builder = new BlockBuilder((block) => this.#enqueue(block));
  }

  static async create(options: FileWriterOptions): Promise<FileWriter> {
    const writer = new FileWriter(options, await options.disk.open(temporaryPath(options), 'create'));
    try {
      await writer.#append(encodeHead(options.head));
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return writer;
  }

  /** Where it is once it is finished. */
  get path(): string {
    return join(this.#options.folder, `${this.#options.name}${FILE_SUFFIX}`);
  }

  add(key: string, entry: Entry): void {
    if (isTombstone(entry)) this.tombstones++;
    else this.entries++;
    this.#builder.add(key, entry);
  }

  /** More waits to be written than should: wait for {@link drained}. */
  get isBehind(): boolean {
    return this.#waiting > MAX_WAITING_BLOCKS;
  }

  /** Returns when all that was added so far in full blocks is written. @throws what the disk says */
  async drained(): Promise<void> {
    await this.#work;
    if (this.#error !== undefined) throw this.#error;
  }

  /** Completes the file, and gives it its name. @throws what the disk says */
  async finish({ finishedAt, epochAtEnd, slots }: Ending): Promise<FileFoot> {
    const { disk, folder, head } = this.#options;
    this.#builder.flush();
    await this.drained();
    const foot: FileFoot = {
      ...head,
      finishedAt,
      epochAtEnd,
      entries: this.entries,
      tombstones: this.tombstones,
      blocks: this.#blocks,
      bodyBytes: this.bytes,
      bodyCrc: this.#crc,
      slots: Buffer.from(slots.toBinary(), 'latin1').toString('base64'),
    };
    await this.#append(encodeFoot(foot));
    await this.#file.sync();
    await this.#file.close();
    await disk.rename(temporaryPath(this.#options), this.path);
    await disk.syncDirectory(folder);
    return foot;
  }

  /** Removes what was written. Never rejects. */
  async abort(): Promise<void> {
    this.#error ??= new Error('aborted');
    await this.#work;
    await this.#file.close().catch(() => undefined);
    await this.#options.disk.remove(temporaryPath(this.#options)).catch(() => undefined);
  }

  #enqueue(block: OpenBlock): void {
    this.#waiting++;
    this.#work = this.#work.then(async () => {
      try {
        if (this.#error === undefined) await this.#write(block);
      } catch (error) {
        this.#error ??= error as Error;
      }
      this.#builder.recycle(block);
      this.#waiting--;
    });
  }

  async #write(block: OpenBlock): Promise<void> {
    const stored = await compress(block.buffer.subarray(0, block.bytes));
    const header = encodeBlockHeader(this.#fileId, {
      offset: this.bytes,
      group: block.group,
      records: block.records,
      rawBytes: block.bytes,
      storedBytes: stored.length,
      storedCrc: crc32(stored),
      bitmap: block.bitmap,
    });
    await this.#append(Buffer.concat([header, stored]));
    this.#blocks++;
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#file.write(bytes, this.bytes);
    this.bytes += bytes.length;
    this.#crc = crc32(bytes, this.#crc);
  }
}

function temporaryPath({ folder, name }: FileWriterOptions): string {
  return join(folder, `${name}${TEMPORARY_SUFFIX}`);
}
