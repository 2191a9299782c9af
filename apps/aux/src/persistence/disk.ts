import { join } from 'node:path';
import { privateDirectory } from '@dcs/environment';
import type { View } from '@dcs/cluster-membership';
import { compareVersions, type Version, VERSION_ZERO } from '@dcs/protocol';
import type { Logger } from 'pino';
import type { Entry } from '../node/entry.js';
import type { DiskIdentity, NodeDisk } from '../node/ports.js';
import type { Store } from '../node/store.js';
import { Checkpoints, MAX_ALIVE_AGE_MS } from './checkpoints.js';
import { DirtyKeys, pagesOf } from './dirty-keys.js';
import { EntryFile } from './entry-file.js';
import { checkEntryFile } from './entry-file-check.js';
import { DiskError, isFull, reasonOf } from './errors.js';
import { Journal } from './journal.js';
import { type JournalFiles, nodeFiles } from './journal-files.js';
import { type Done, JournalWriter } from './journal-writer.js';
import { Loader } from './loader.js';
import type { DiskMeta } from './meta.js';
import { DiskRetry } from './disk-retry.js';
import { within } from './within.js';

export interface DiskOptions {
  /** Locked by this process. */
  readonly directory: string;
  /** `always`: a write is synced before it counts as durable; `interval`: within half a second after. */
  readonly durability: 'interval' | 'always';
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** @defaultValue the file system */
  readonly files?: JournalFiles;
  /** See there. @defaultValue {@link checkEntryFile} */
  readonly check?: typeof checkEntryFile;
  /** Bytes of the journal's files past which writes wait for a checkpoint. @defaultValue 256 MiB */
  readonly maxJournalBytes?: number;
  /** Keys to be written to the entry file past which writes wait for a checkpoint. @defaultValue 250_000 */
  readonly maxPendingKeys?: number;
  /** Gives the folder back; called last. */
  readonly release?: () => Promise<void>;
}

const DEFAULT_MAX_JOURNAL_BYTES = 256 * 2 ** 20;
const DEFAULT_MAX_PENDING_KEYS = 250_000;
const CLOSE_STEP_TIMEOUT_MS = 3000;
/** Characters of a key that are logged. */
const LOGGED_KEY = 64;
export const ENTRY_FILE = 'entries.mdb';

/**
 * The disk of one node: a journal that makes a write safe before its answer, and behind it a file with all entries that
 * is brought up to date every few seconds, after which the older journal is removed.
 */
export class Disk implements NodeDisk {
  /** Entries and journal records that were found damaged since the start. */
  damaged = 0;
  /** Why the whole entry file was set aside at the start. */
  readonly setAside: string | undefined;
  readonly aliveAgeMs = MAX_ALIVE_AGE_MS;
  /** Entries read at the start, and how long it took. */
  loaded = 0;
  loadSeconds = 0;
  readonly checkpoints: Checkpoints;

  readonly #options: DiskOptions;
  readonly #file: EntryFile;
  readonly #journal: Journal;
  readonly #writer: JournalWriter;
  readonly #dirty = new DirtyKeys();
  readonly #retry: DiskRetry;
  #meta: DiskMeta;
  #identity: DiskIdentity | undefined;
  #store: Store | undefined;
  #isLoaded = false;
  /** Whether changes of the store come from this disk at the moment. */
  #applying: 'file' | 'journal' | undefined;
  #closing: Promise<void> | undefined;
  #checkpointsFail = false;

  private constructor(options: DiskOptions, file: EntryFile, journal: Journal, setAside: string | undefined) {
    const { now, log, durability, directory } = options;
    this.#options = options;
    this.#file = file;
    file.onUnwritable = (key, error) => {
      if (file.unwritable > 1) return; // the first one is loud, all are counted
      log.error(
        { key: key.slice(0, LOGGED_KEY), error: error.message },
        'an entry cannot be written to the entry file',
      );
    };
    this.#journal = journal;
    this.setAside = setAside;
    const found = file.meta;
    this.#meta = found ?? { schema: 1, lineage: undefined, aliveAt: now(), views: [], floor: VERSION_ZERO };
    if (found?.lineage !== undefined) {
      this.#identity = { historyId: found.lineage, aliveAt: found.aliveAt, views: found.views };
    }
    this.#writer = new JournalWriter({
      journal,
      sync: durability === 'always',
      mayWrite: () => this.#mayWrite(),
      onFailure: (error) => this.#retry.failed(error),
    });
    this.checkpoints = new Checkpoints({
      file,
      journal,
      dirty: this.#dirty,
      now,
      store: () => (this.#isLoaded ? this.#store : undefined),
      meta: (aliveAt) => (this.#meta = { ...this.#meta, aliveAt, floor: this.#dirty.floor ?? this.#meta.floor }),
      journalUsable: () => this.#retry.refusal === undefined,
      onDone: (error) => this.#checkpointDone(error),
      onJournalFailure: (error) => this.#journalFailed(error),
    });
    this.#retry = new DiskRetry({
      directory,
      journal,
      dirty: this.#dirty,
      writer: this.#writer,
      log,
      store: () => this.#store,
      checkpoints: this.checkpoints,
      hasRoom: () => this.#hasRoom,
    });
  }

  /**
   * Opens what is in a folder, or makes it.
   * @throws DiskError ERR_DISK_FOREIGN, ERR_DISK_SCHEMA, ERR_DISK_DIRECTORY; nothing was changed then
   */
  static async open(options: DiskOptions): Promise<Disk> {
    const { directory, now, log, files = nodeFiles, check = checkEntryFile } = options;
    const path = join(directory, ENTRY_FILE);
    try {
      await privateDirectory(directory);
      const { damaged, setAside } = await check(path, now());
      if (setAside !== undefined)
        log.error({ file: path, reason: setAside }, 'the entry file was damaged, and set aside');
      const file = await EntryFile.open(path);
      const disk = new Disk(options, file, await Journal.open(directory, files), setAside);
      disk.damaged = damaged;
      await disk.#begin();
      return disk;
    } catch (error) {
      if (error instanceof DiskError && error.code !== 'ERR_DISK_WRITE') throw error;
      throw new DiskError(
        'ERR_DISK_DIRECTORY',
        `cannot use ${directory}: ${reasonOf(error)}; it must be a directory that this process can write to`,
        { cause: error },
      );
    }
  }

  get identity(): DiskIdentity | undefined {
    return this.#identity;
  }

  get refusal(): string | undefined {
    return this.#retry.refusal;
  }

  get degradation(): string | undefined {
    const { failure } = this.checkpoints;
    if (failure !== undefined) return `the last checkpoint failed: ${reasonOf(failure)}`;
    return this.unwritable > 0 ? `${this.unwritable} entries could not be written to the entry file` : undefined;
  }

  /** Entries that could not be put into the bytes of the entry file. */
  get unwritable(): number {
    return this.#file.unwritable;
  }

  /** Keys that are not in the entry file yet. */
  get pendingKeys(): number {
    return this.#dirty.size;
  }

  get journalBytes(): number {
    return this.#journal.bytes;
  }

  async load(store: Store): Promise<void> {
    const started = performance.now();
    this.#store = store;
    await this.#journal.begin().then(
      () => this.#writer.resume(),
      (error: Error) => this.#journalFailed(error),
    );
    this.#follow(store);
    for (const page of pagesOf(store)) {
      for (const [key, entry] of page) this.#changed(key, entry, 0, false);
    }
    if (compareVersions(store.floor, this.#meta.floor) > 0) this.#meta = { ...this.#meta, floor: store.floor };
    const loader = new Loader({
      file: this.#file,
      journal: this.#journal,
      now: this.#options.now,
      absentMs: this.#identity === undefined ? 0 : Math.max(0, this.#options.now() - this.#identity.aliveAt),
      onDifference: (key) => this.#dirty.mark(key),
      apply: (from, change) => {
        this.#applying = from;
        try {
          return change();
        } finally {
          this.#applying = undefined;
        }
      },
    });
    await loader.load(store, this.#meta.floor);
    this.damaged += loader.damaged;
    this.loaded = loader.loaded;
    this.loadSeconds = (performance.now() - started) / 1000;
    this.#options.log.info(
      { entries: this.loaded, damaged: this.damaged, seconds: this.loadSeconds },
      'the disk was loaded',
    );
    this.#isLoaded = true;
    this.checkpoints.start();
  }

  async discard(): Promise<void> {
    this.#identity = undefined;
    this.#meta = { ...this.#meta, lineage: undefined, views: [], floor: VERSION_ZERO };
    this.#file.clear();
    this.#file.putMeta(this.#meta);
    await this.#file.committed();
    await this.#journal.removeUpTo(Infinity);
  }

  remember(lineage: string, views: readonly View[]): void {
    this.#meta = { ...this.#meta, lineage, views };
    this.checkpoints.metaChanged();
  }

  whenDurable(done: Done): void {
    const { refusal } = this;
    if (refusal === undefined) this.#writer.whenWritten(done);
    else if (this.#dirty.isClean) done(undefined);
    else done(new DiskError('ERR_DISK_WRITE', refusal));
  }

  get commit(): object | undefined {
    return this.refusal === undefined ? this.#writer.outstanding : undefined;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const step = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      await within(CLOSE_STEP_TIMEOUT_MS, work()).catch((error: Error) =>
        this.#options.log.warn({ error: reasonOf(error) }, `closing the disk: ${what}`),
      );
    };
    this.checkpoints.stop();
    this.#retry.stop();
    if (this.#store !== undefined) {
      if (this.refusal === undefined)
        await step(
          'what was outstanding is not written',
          () => new Promise((resolve) => this.#writer.whenWritten(resolve)),
        );
      await step('the last checkpoint failed', () => this.checkpoints.runNow());
      this.#store.onChange = undefined;
      this.#store.onFlush = undefined;
      this.#writer.stop(new DiskError('ERR_DISK_WRITE', 'the disk is closed'));
    }
    await step('the journal could not be closed', () => this.#journal.close());
    await step('the entry file could not be closed', () => this.#file.close());
    await step('the folder could not be released', async () => this.#options.release?.());
  }

  /** Shows that the folder can be written to before anything depends on it. A full disk may be read all the same. */
  async #begin(): Promise<void> {
    try {
      await this.#file.ensureRoom(1, 0);
      this.#file.putMeta(this.#meta);
      await this.#file.committed();
    } catch (error) {
      if (isFull(error as Error)) return;
      await this.#file.close();
      throw error;
    }
  }

  #follow(store: Store): void {
    this.#dirty.begin(store.maxEntries);
    store.onChange = (key, entry, place, isNew) => this.#changed(key, entry, place, isNew);
    store.onFlush = (floor) => this.#flushed(floor);
  }

  #changed(key: string, entry: Entry | undefined, place: number, isNew: boolean): void {
    if (isNew) this.#dirty.moved(place);
    // What comes from the file is in it, and what comes from the journal is in that; what made room is in neither.
    if (this.#applying === 'file' && entry !== undefined) return;
    this.#dirty.mark(key, place);
    if (entry === undefined) this.#writer.forget(key);
    else if (this.#applying === undefined) this.#writer.add(key, entry);
    if (this.#dirty.waiting >= this.#maxPendingKeys / 2) this.checkpoints.hurry();
  }

  #flushed(floor: Version): void {
    if (this.#applying === 'file') return; // it knows
    this.#dirty.flush(floor);
    if (this.#applying === undefined) this.#writer.flush(floor);
  }

  get #maxPendingKeys(): number {
    return this.#options.maxPendingKeys ?? DEFAULT_MAX_PENDING_KEYS;
  }

  get #maxJournalBytes(): number {
    return this.#options.maxJournalBytes ?? DEFAULT_MAX_JOURNAL_BYTES;
  }

  get #hasRoom(): boolean {
    return this.#journal.bytes < this.#maxJournalBytes && this.#dirty.waiting < this.#maxPendingKeys;
  }

  /** Whether the journal may grow; otherwise writes wait for a checkpoint. */
  #mayWrite(): boolean {
    if (this.#journal.bytes >= this.#maxJournalBytes / 2) this.checkpoints.hurry();
    if (this.#hasRoom) return true;
    const { failure } = this.checkpoints;
    if (failure !== undefined) setImmediate(() => this.#checkpointDone(failure));
    return false;
  }

  #checkpointDone(error: Error | undefined): void {
    this.#tellOfCheckpoint(error);
    if (error === undefined) {
      if (this.refusal === undefined) this.#writer.resume();
    } else if (this.refusal === undefined && (this.#writer.awaitsRoom || isFull(error))) {
      // The journal alone can go on for as long as it has room; on a full disk it would take the checkpoint's.
      this.#journalFailed(error);
    }
  }

  /** The first failure is loud, and the end of the failures. */
  #tellOfCheckpoint(error: Error | undefined): void {
    const { log } = this.#options;
    if ((error !== undefined) === this.#checkpointsFail) return;
    this.#checkpointsFail = error !== undefined;
    if (error === undefined) log.info({}, 'checkpoints succeed again');
    else log.error({ error: reasonOf(error) }, 'a checkpoint failed: until one succeeds the journal grows');
  }

  #journalFailed(error: Error): void {
    this.#writer.stop(error);
    this.#retry.failed(error);
  }
}
