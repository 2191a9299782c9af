import type { Store } from '../node/store.js';
import type { DirtyKeys } from './dirty-keys.js';
import type { EntryFile } from './entry-file.js';
import type { Journal } from './journal.js';
import type { DiskMeta } from './meta.js';

export interface CheckpointsOptions {
  readonly file: EntryFile;
  readonly journal: Journal;
  readonly dirty: DirtyKeys;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  /** Undefined before all of the disk is in it. */
  readonly store: () => Store | undefined;
  /** The record to be written with a checkpoint. */
  readonly meta: (aliveAt: number) => DiskMeta;
  readonly journalUsable: () => boolean;
  readonly onDone: (error: Error | undefined) => void;
  /** The journal could not be begun anew or synced. */
  readonly onJournalFailure: (error: Error) => void;
}

/** How often the journal is synced, at least. */
const SYNC_MS = 500;
/** A key that is written again and again is brought into the entry file once in so long, unless a bound is near. */
const CHECKPOINT_MS = 5000;
/** How old `aliveAt` gets while nothing changes. */
const ALIVE_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5000;
/** How old `aliveAt` may get on a disk that takes checkpoints: one is due, is begun with the next tick, and takes its time. */
export const MAX_ALIVE_AGE_MS = ALIVE_MS + MAX_PAUSE_MS;

/** Brings the entry file up to date, and removes the journal that it makes superfluous. */
export class Checkpoints {
  succeeded = 0;
  failed = 0;
  /** Of the entry file after the last checkpoint. */
  fileBytes = 0;
  /** Told how long each successful checkpoint took. */
  onDuration: ((seconds: number) => void) | undefined;
  /** Of the last checkpoint. */
  failure: Error | undefined;

  readonly #options: CheckpointsOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #metaChanged = false;
  #aliveAt = -Infinity;
  #notBefore = 0;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), SYNC_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The record is to be written with the next checkpoint. */
  metaChanged(): void {
    this.#metaChanged = true;
  }

  /** A bound is near. */
  hurry(): void {
    if (this.#timer !== undefined && this.#running === undefined && performance.now() >= this.#notBefore)
      void this.run();
  }

  /** Settles when a checkpoint has been made or has failed; never rejects. One at a time. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Runs something else in a checkpoint's place. */
  async exclusive(work: () => Promise<void>): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#running = work().finally(() => (this.#running = undefined));
    await this.#running;
  }

  /** One that begins now. @throws why it failed */
  async runNow(): Promise<void> {
    await this.#running;
    await this.run();
    if (this.failure !== undefined) throw this.failure;
  }

  #tick(): void {
    if (this.#running !== undefined) {
      // It takes its time; what is acknowledged meanwhile is not to wait for it.
      void this.#syncJournal();
      return;
    }
    const now = performance.now();
    const { isEmpty } = this.#options.dirty;
    const isDue = this.#metaChanged || now - this.#aliveAt >= (isEmpty ? ALIVE_MS : CHECKPOINT_MS);
    if (isDue && now >= this.#notBefore) void this.run();
    else if (!isEmpty) void this.#syncJournal();
  }

  async #syncJournal(): Promise<void> {
    if (!this.#options.journalUsable()) return;
    await this.#options.journal.sync().catch((error: Error) => {
      if (this.#options.journalUsable()) this.#options.onJournalFailure(error);
    });
  }

  async #run(): Promise<void> {
    const started = performance.now();
    try {
      await this.#write();
      this.succeeded++;
      this.failure = undefined;
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#aliveAt = performance.now();
      this.onDuration?.((performance.now() - started) / 1000);
    } catch (error) {
      this.failed++;
      this.failure = error as Error;
      this.#notBefore = performance.now() + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    }
    this.#options.onDone(this.failure);
  }

  async #write(): Promise<void> {
    const { file, journal, dirty, now, meta } = this.#options;
    const store = this.#options.store();
    const superfluous = store === undefined ? 0 : await this.#turn();
    try {
      this.#metaChanged = false;
      await file.ensureRoom(dirty.taken, store === undefined ? 0 : await dirty.takenBytes(store));
      if (store !== undefined) await dirty.writeTaken(store, file);
      file.putMeta(meta(now()));
      await file.committed();
      dirty.settle();
    } catch (error) {
      this.#metaChanged = true;
      dirty.giveBack();
      throw error;
    }
    await journal.removeUpTo(superfluous);
    this.fileBytes = await file.bytes();
  }

  /** Takes the dirty keys; returns up to which file the journal is superfluous once they are written. */
  async #turn(): Promise<number> {
    const { journal, dirty } = this.#options;
    const { current } = journal;
    if (current === undefined || !this.#options.journalUsable()) {
      journal.abandon();
      dirty.take();
      return journal.older.at(-1)?.sequence ?? 0;
    }
    if (current.bytes === 0) {
      dirty.take();
      return current.sequence - 1;
    }
    try {
      await journal.begin(() => dirty.take());
    } catch (error) {
      this.#options.onJournalFailure(error as Error);
      throw error;
    }
    return journal.current!.sequence - 1;
  }
}
