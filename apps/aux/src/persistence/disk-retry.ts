import type { Logger } from 'pino';
import type { Store } from '../node/store.js';
import type { Checkpoints } from './checkpoints.js';
import type { DirtyKeys } from './dirty-keys.js';
import { DiskError, isFull, reasonOf } from './errors.js';
import type { Journal } from './journal.js';
import { RecordEncoder } from './journal-record.js';
import type { JournalWriter } from './journal-writer.js';

export interface DiskRetryOptions {
  readonly directory: string;
  readonly journal: Journal;
  readonly dirty: DirtyKeys;
  readonly writer: JournalWriter;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly store: () => Store | undefined;
  readonly checkpoints: Checkpoints;
  /** Whether the journal may grow. */
  readonly hasRoom: () => boolean;
}

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5000;

/**
 * From the first failed write to the first that succeeds again. Nothing that is on disk by then depends on pages that a
 * failed sync may have dropped: everything that is not in the entry file is written anew, to a new file.
 */
export class DiskRetry {
  /** Why writes are refused; undefined while they are taken. */
  refusal: string | undefined;
  readonly #options: DiskRetryOptions;
  readonly #encoder = new RecordEncoder();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #stopped = false;

  constructor(options: DiskRetryOptions) {
    this.#options = options;
  }

  /** Refuses writes from now on, and tries again by itself. */
  failed(error: Error): void {
    const { directory, journal, log } = this.#options;
    const isNew = this.refusal === undefined;
    this.refusal = `cannot write to ${directory}: ${reasonOf(error)}; ${remedyFor(error)}, writes are taken again by themselves`;
    if (!isNew) return;
    log.error({ reason: this.refusal }, 'writes are refused');
    journal.abandon();
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#tryLater();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #tryLater(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#try(), this.#pauseMs);
    this.#timer.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
  }

  async #try(): Promise<void> {
    const { writer, log, checkpoints, hasRoom } = this.#options;
    try {
      if (!hasRoom() || isFull(checkpoints.failure)) await checkpoints.runNow();
      await checkpoints.exclusive(() => this.#rewrite());
      if (this.#stopped) return;
      this.refusal = undefined;
      writer.resume();
      log.info({}, 'writes are taken again');
    } catch (error) {
      this.failed(error as Error);
      await checkpoints.run(); // it may make room
      this.#tryLater();
    }
  }

  async #rewrite(): Promise<void> {
    const { journal, dirty, writer } = this.#options;
    const store = this.#options.store();
    await journal.begin();
    try {
      writer.stop(new DiskError('ERR_DISK_WRITE', this.refusal ?? ''));
      const { floor } = dirty;
      if (floor !== undefined) await this.#append((encoder) => encoder.addFlush(floor));
      for (const page of store === undefined ? [] : dirty.present(store)) {
        await this.#append((encoder) => page.forEach(([key, entry]) => encoder.addEntry(key, entry)));
      }
      await journal.sync();
    } catch (error) {
      const failed = journal.current;
      journal.abandon();
      if (failed !== undefined) await journal.remove(failed).catch(() => undefined);
      throw error;
    }
  }

  async #append(add: (encoder: RecordEncoder) => void): Promise<void> {
    const { journal } = this.#options;
    const { salt, bytes: position } = journal.current!;
    this.#encoder.begin(salt, position);
    add(this.#encoder);
    const records = this.#encoder.end();
    if (records.length > 0) await journal.append(records, false);
  }
}

function remedyFor(error: Error): string {
  if (isFull(error)) return 'free space';
  if (/EROFS|EACCES|EPERM/.test(error.message)) return 'make it writable';
  return 'check the disk';
}
