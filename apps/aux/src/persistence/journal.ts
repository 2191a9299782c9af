import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { JournalFile, JournalFiles } from './journal-files.js';

/** One file of the journal. */
export interface JournalPart {
  readonly name: string;
  readonly sequence: number;
  /** See `journal-record.ts`. */
  readonly salt: number;
  bytes: number;
}

interface OpenPart extends JournalPart {
  readonly file: JournalFile;
  /** Whether something was written since it was synced. */
  unsynced: boolean;
  /** The last write to it. */
  writing: Promise<void> | undefined;
  closed: boolean;
}

/** Larger writes, and those after one that was slow, leave the event loop alone. */
const MAX_BYTES_IN_PLACE = 64 * 1024;
const SLOW_MS = 5;
const MS_AFTER_A_SLOW_ONE = 1000;
const NAME = /^journal-(\d{10})-([0-9a-f]{8})\.log$/;

/**
 * The journal of a folder: numbered files, `journal-<number>-<salt>.log`, of which the last is appended to. Who has
 * saved elsewhere what the older ones hold removes them.
 */
export class Journal {
  readonly #directory: string;
  readonly #files: JournalFiles;
  /** Complete: nothing is written to them any more. */
  readonly #older: (JournalPart | OpenPart)[] = [];
  #current: OpenPart | undefined;
  #sequence = 0;
  /** Syncs under way: a file system may keep writes waiting for them. */
  #syncs = 0;
  /** Monotonic time in ms until which nothing is written in place. */
  #slowUntil = 0;

  private constructor(directory: string, files: JournalFiles) {
    this.#directory = directory;
    this.#files = files;
  }

  /** Finds what an earlier process left. */
  static async open(directory: string, files: JournalFiles): Promise<Journal> {
    const journal = new Journal(directory, files);
    for (const name of (await files.list(directory)).sort()) {
      const [, sequence, salt] = NAME.exec(name) ?? [];
      if (sequence === undefined || salt === undefined) continue;
      journal.#sequence = Number(sequence);
      journal.#older.push({ name, sequence: journal.#sequence, salt: parseInt(salt, 16), bytes: 0 });
    }
    return journal;
  }

  /** The files that are complete, oldest first. */
  get older(): readonly JournalPart[] {
    return this.#older;
  }

  /** What is appended to; undefined before the first {@link begin}, and after {@link abandon}. */
  get current(): JournalPart | undefined {
    return this.#current;
  }

  /** Bytes in all files. */
  get bytes(): number {
    return this.#older.reduce((sum, { bytes }) => sum + bytes, this.#current?.bytes ?? 0);
  }

  async read(part: JournalPart): Promise<Buffer> {
    const bytes = await this.#files.read(join(this.#directory, part.name));
    part.bytes = bytes.length;
    return bytes;
  }

  /**
   * Makes a new file and appends to it from then on.
   * @param atTheTurn called when that begins, before anything else can be appended
   */
  async begin(atTheTurn?: () => void): Promise<void> {
    const sequence = ++this.#sequence;
    const salt = randomBytes(4).readUInt32BE();
    const name = `journal-${String(sequence).padStart(10, '0')}-${salt.toString(16).padStart(8, '0')}.log`;
    const path = join(this.#directory, name);
    const file = await this.#files.create(path);
    try {
      await this.#files.syncDirectory(this.#directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      await this.#files.remove(path).catch(() => undefined);
      throw error;
    }
    this.abandon();
    this.#current = { name, sequence, salt, bytes: 0, file, unsynced: false, writing: undefined, closed: false };
    atTheTurn?.();
  }

  /** Appends nothing more to the present file. */
  abandon(): void {
    if (this.#current !== undefined) this.#older.push(this.#current);
    this.#current = undefined;
  }

  /**
   * Appends records that were encoded for the end of the present file; safe from the end of this process then: when the
   * promise resolves, or at once where there is none.
   * @throws what the system says, or the promise rejects with it
   */
  append(bytes: Buffer, sync: boolean): Promise<void> | undefined {
    const part = this.#current!;
    part.bytes += bytes.length;
    part.unsynced = true;
    if (!sync && bytes.length <= MAX_BYTES_IN_PLACE && this.#syncs === 0) {
      const started = performance.now();
      if (started >= this.#slowUntil) {
        part.file.writeNow(bytes);
        const ended = performance.now();
        if (ended - started > SLOW_MS) this.#slowUntil = ended + MS_AFTER_A_SLOW_ONE;
        return undefined;
      }
    }
    part.writing = part.file.write(bytes).then(() => {
      if (!sync) return undefined;
      part.unsynced = false;
      return part.file.sync();
    });
    return part.writing;
  }

  /** Makes everything that was appended safe from a power cut. */
  async sync(): Promise<void> {
    const open = [...this.#older, ...(this.#current === undefined ? [] : [this.#current])].filter(isOpen);
    for (const part of open) {
      if (!part.unsynced) continue;
      part.unsynced = false;
      this.#syncs++;
      try {
        await part.file.sync();
      } catch (error) {
        if (!part.closed) throw error; // else superfluous meanwhile
      } finally {
        this.#syncs--;
      }
    }
  }

  /** Removes the files up to the one with this number. */
  async removeUpTo(sequence: number): Promise<void> {
    while (this.#older.length > 0 && this.#older[0]!.sequence <= sequence) {
      await this.remove(this.#older[0]!);
    }
  }

  /** Removes one file that is complete. */
  async remove(part: JournalPart): Promise<void> {
    await close(part);
    await this.#files.remove(join(this.#directory, part.name));
    const at = this.#older.indexOf(part);
    if (at >= 0) this.#older.splice(at, 1);
  }

  /** Closes its files. Idempotent. */
  async close(): Promise<void> {
    this.abandon();
    await Promise.all(this.#older.map(close));
  }
}

function isOpen(part: JournalPart): part is OpenPart {
  return 'file' in part && !(part as OpenPart).closed;
}

async function close(part: JournalPart): Promise<void> {
  if (!isOpen(part)) return;
  await part.writing?.catch(() => undefined);
  part.closed = true;
  await part.file.close().catch(() => undefined);
}
