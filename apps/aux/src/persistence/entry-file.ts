import { rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Entry } from '../node/entry.js';
import { decodeValue, encodeValue, isIntact, summarize, type ValueSummary } from './entry-codec.js';
import { DiskError } from './errors.js';
import { decodeMeta, type DiskMeta, encodeMeta, META_KEY } from './meta.js';
import { within } from './within.js';

/** What there is to know of an entry before it is read. */
export interface EntrySummary extends ValueSummary {
  readonly key: string;
}

const CODEC = { encoding: 'binary', keyEncoding: 'binary' } as const;
/** Bounds of what is queued before it is to be committed. LMDB blocks the event loop at 300,000 changes. */
const MAX_QUEUED_CHANGES = 50_000;
const MAX_QUEUED_BYTES = 32 * 2 ** 20;
/** What a change may copy: a leaf and a branch. */
const PAGES_PER_CHANGE = 2;
const PAGE_BYTES = 4096;
const SLACK_BYTES = 2 ** 19;
/** Far above what a commit takes; a disk that needs longer is as good as broken. */
const COMMIT_TIMEOUT_MS = 60_000;

/**
 * All entries of a node in one LMDB file, and a record of what they are. Changes are queued, and on disk (synced) when
 * {@link committed} resolves; the file is as one of the commits left it at any time.
 *
 * LMDB maps the file: a file that was damaged can end the process. Check it before (`entry-file-check.ts`).
 */
export class EntryFile {
  readonly #path: string;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #entries: Database<Buffer, Buffer>;
  readonly #meta: Database<Buffer, Buffer>;
  #queued: Promise<unknown>[] = [];
  #queuedChanges = 0;
  #queuedBytes = 0;
  /** Since the last {@link committed}. */
  #failure: CommitError | undefined;
  /** Walks under way. */
  #walks = 0;
  #closing: Promise<void> | undefined;

  /** Entries that could not be put into bytes: the file has nothing under their keys instead. */
  unwritable = 0;
  /** Told of each. */
  onUnwritable: ((key: string, error: Error) => void) | undefined;

  private constructor(path: string, root: RootDatabase<Buffer, Buffer>) {
    this.#path = path;
    this.#root = root;
    this.#entries = root.openDB<Buffer, Buffer>({ name: 'entries', ...CODEC });
    this.#meta = root.openDB<Buffer, Buffer>({ name: 'meta', ...CODEC });
  }

  /** Makes the file where there is none. The folder must be locked. */
  static async open(path: string): Promise<EntryFile> {
    // Of processes that are gone: whoever has the folder is alone here.
    await rm(`${path}-lock`, { force: true });
    return new EntryFile(
      path,
      open<Buffer, Buffer>({
        path,
        noSubdir: true,
        maxDbs: 2,
        overlappingSync: false,
        useWritemap: false,
        eventTurnBatching: false,
        ...CODEC,
      }),
    );
  }

  /** The record of what the entries are; undefined when there is none, or it is damaged. */
  get meta(): DiskMeta | undefined {
    return decodeMeta(this.#meta.get(META_KEY));
  }

  /** Size of the file. */
  async bytes(): Promise<number> {
    return (await stat(this.#path)).size;
  }

  /** Whether it is to be committed before more is queued: so much is, or something has failed already. */
  get isFull(): boolean {
    return (
      this.#failure !== undefined || this.#queuedChanges >= MAX_QUEUED_CHANGES || this.#queuedBytes >= MAX_QUEUED_BYTES
    );
  }

  /**
   * LMDB does not survive a full disk: it is not to be begun when there may be too little room.
   * @param changes how many keys will change, at most
   * @param bytes of the entries to be put
   * @throws DiskError ERR_DISK_WRITE
   */
  async ensureRoom(changes: number, bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(dirname(this.#path));
    const pages = Math.min(changes * PAGES_PER_CHANGE * PAGE_BYTES, await this.bytes());
    if (bavail * bsize >= pages + 2 * bytes + SLACK_BYTES) return;
    throw new DiskError('ERR_DISK_WRITE', 'ENOSPC: no space left on device');
  }

  /** One that cannot be written fails nothing else: what the file had under its key goes, as it is older. */
  put(key: string, entry: Entry): void {
    this.#assertOpen();
    const bytes = Buffer.from(key, 'latin1');
    let value: Buffer;
    try {
      value = encodeValue(bytes, entry);
    } catch (error) {
      this.unwritable++;
      this.onUnwritable?.(key, error as Error);
      return this.remove(key);
    }
    this.#queuedBytes += value.length;
    this.#queue(this.#entries.put(bytes, value));
  }

  remove(key: string): void {
    this.#assertOpen();
    this.#queue(this.#entries.remove(Buffer.from(key, 'latin1')));
  }

  /** Removes all entries. */
  clear(): void {
    this.#assertOpen();
    this.#queue(this.#entries.clearAsync());
  }

  putMeta(meta: DiskMeta): void {
    this.#assertOpen();
    this.#queue(this.#meta.put(META_KEY, encodeMeta(meta)));
  }

  /**
   * Resolves when everything queued before is on disk.
   * @throws DiskError ERR_DISK_WRITE when it is not, or not all of it
   */
  async committed(): Promise<void> {
    const queued = this.#queued;
    this.#queued = [];
    this.#queuedChanges = 0;
    this.#queuedBytes = 0;
    this.#failure = undefined;
    try {
      await within(COMMIT_TIMEOUT_MS, Promise.all(queued));
      await within(COMMIT_TIMEOUT_MS, this.#entries.flushed);
    } catch (error) {
      throw new DiskError('ERR_DISK_WRITE', await causeOf(error as Error), { cause: error });
    }
  }

  /** Every entry in the order of keys; `undefined` instead of what is known of one whose checksum is wrong. */
  *summaries(): Generator<{ readonly key: string; readonly summary: EntrySummary | undefined }> {
    for (const { key: bytes, value } of this.#walk(this.#entries.getRange({}))) {
      const key = bytes.toString('latin1');
      yield { key, summary: isIntact(bytes, value) ? { key, ...summarize(value) } : undefined };
    }
  }

  *keys(): Generator<string> {
    for (const key of this.#walk(this.#entries.getKeys({}))) yield key.toString('latin1');
  }

  get(key: string): Entry | undefined {
    this.#assertOpen();
    const bytes = Buffer.from(key, 'latin1');
    const value = this.#entries.getBinaryFast(bytes);
    return value === undefined || !isIntact(bytes, value) ? undefined : decodeValue(key, value);
  }

  /** Ends walks under way at their next step: a cursor that outlives its file ends the process. Idempotent. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    while (this.#walks > 0) await new Promise((resolve) => setImmediate(resolve));
    await this.#root.close();
  }

  *#walk<T>(items: Iterable<T>): Generator<T> {
    this.#assertOpen();
    this.#walks++;
    try {
      for (const item of items) {
        yield item;
        this.#assertOpen();
      }
    } finally {
      this.#walks--;
    }
  }

  /** @throws DiskError ERR_DISK_WRITE */
  #assertOpen(): void {
    if (this.#closing !== undefined) throw new DiskError('ERR_DISK_WRITE', 'the disk is closed');
  }

  #queue(change: Promise<unknown>): void {
    this.#queuedChanges++;
    if (this.#queued.at(-1) === change) return; // one promise per turn
    change.catch((error: CommitError) => {
      this.#failure ??= error;
      error.commitError?.catch(() => undefined);
    });
    this.#queued.push(change);
  }
}

interface CommitError extends Error {
  /** Rejected with what the system said. */
  readonly commitError?: Promise<never>;
}

async function causeOf(error: CommitError): Promise<string> {
  try {
    await within(1000, error.commitError ?? Promise.reject(error));
    return error.message;
  } catch (cause) {
    return (cause as Error).message;
  }
}
