import type { Version } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import type { Journal } from './journal.js';
import { RecordEncoder } from './journal-record.js';

export type Done = (error: Error | undefined) => void;

export interface JournalWriterOptions {
  readonly journal: Journal;
  /** Whether a batch is synced before those who wait for it are called back. */
  readonly sync: boolean;
  /** Asked before each piece: false holds it, and all who wait for it, until {@link JournalWriter.resume}. */
  readonly mayWrite: () => boolean;
  /** A batch could not be written: those who waited for it were told, and the writer is stopped. */
  readonly onFailure: (error: Error) => void;
}

/** Bounds of one write: about 4 ms of encoding. */
const PIECE_BYTES = 4 * 2 ** 20;
const PIECE_ENTRIES = 4096;
/** Of entries to be written; beyond, those that the store has let go are not kept for the journal either. */
const MAX_HELD_BYTES = 32 * 2 ** 20;

/** What is written together, to those who wait for it. */
export interface GroupCommit {
  readonly waiting: Done[];
}

/** Entries to be written together, in the order in which they came. */
class Batch implements GroupCommit {
  readonly waiting: Done[] = [];
  floor: Version | undefined;
  /** Of what was added; what is held may be less. */
  bytes = 0;
  /** What {@link next} has come to. */
  key = '';
  entry: Entry | undefined;
  readonly #keys: string[] = [];
  readonly #entries: Entry[] = [];
  #at = 0;
  /** Once it is large: of one key only the last. */
  #last: Map<string, Entry> | undefined;
  #left: MapIterator<[string, Entry]> | undefined;

  get isEmpty(): boolean {
    return this.#keys.length === 0 && (this.#last?.size ?? 0) === 0 && this.floor === undefined;
  }

  add(key: string, entry: Entry): void {
    this.bytes += key.length + entry.framed.length;
    if (this.#last !== undefined) {
      this.#last.set(key, entry);
      return;
    }
    this.#keys.push(key);
    this.#entries.push(entry);
    if (this.bytes <= MAX_HELD_BYTES) return;
    this.#last = new Map(this.#keys.map((each, i) => [each, this.#entries[i]!]));
    this.#keys.length = 0;
    this.#entries.length = 0;
  }

  /** A large batch need not hold what the store does not hold. */
  forget(key: string): void {
    this.#last?.delete(key);
  }

  clear(): void {
    this.bytes = 0;
    this.#keys.length = 0;
    this.#entries.length = 0;
    this.#last = undefined;
  }

  /** Goes to the next entry; false at the end. Nothing is added any more. */
  next(): boolean {
    if (this.#last !== undefined) {
      this.#left ??= this.#last.entries();
      const next = this.#left.next();
      if (next.done === true) return false;
      [this.key, this.entry] = next.value;
      return true;
    }
    if (this.#at === this.#keys.length) return false;
    this.key = this.#keys[this.#at]!;
    this.entry = this.#entries[this.#at++]!;
    return true;
  }
}

/**
 * Group commit: what changes while a batch is written is the next batch. One write is in flight at most, and it begins
 * at the end of the turn in which the first change came.
 */
export class JournalWriter {
  readonly #options: JournalWriterOptions;
  #filling = new Batch();
  #writing: Batch | undefined;
  #running = false;
  #stopped = true;
  #room: (() => void) | undefined;
  readonly #encoder = new RecordEncoder();

  constructor(options: JournalWriterOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#writing === undefined && this.#filling.isEmpty;
  }

  /** Whether it waits for room. */
  get awaitsRoom(): boolean {
    return this.#room !== undefined;
  }

  add(key: string, entry: Entry): void {
    this.#filling.add(key, entry);
    if (!this.#running) this.#schedule();
  }

  /** The store holds nothing for this key any more. */
  forget(key: string): void {
    // Normally the record is written all the same, so that an older one does not come back.
    this.#filling.forget(key);
  }

  flush(floor: Version): void {
    this.#filling.clear();
    this.#filling.floor = floor;
    if (!this.#running) this.#schedule();
  }

  /** The batch with which all that was added is written. */
  get outstanding(): GroupCommit | undefined {
    return this.#filling.isEmpty ? this.#writing : this.#filling;
  }

  /** Calls back when all that was added is written; at once where there is nothing. */
  whenWritten(done: Done): void {
    const batch = this.outstanding;
    if (batch === undefined) done(undefined);
    else batch.waiting.push(done);
  }

  /** Begins to write, or goes on: there is room again. */
  resume(): void {
    this.#stopped = false;
    const room = this.#room;
    this.#room = undefined;
    room?.();
    if (!this.#running && !this.#filling.isEmpty) this.#schedule();
  }

  /** Forgets what was to be written, tells those who wait for it, and holds what comes until {@link resume}. */
  stop(error: Error): void {
    this.#stopped = true;
    const waiting = [...(this.#writing?.waiting ?? []), ...this.#filling.waiting];
    this.#writing = undefined;
    this.#filling = new Batch();
    const room = this.#room;
    this.#room = undefined;
    room?.();
    for (const done of waiting) done(error);
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (!this.#stopped && !this.#filling.isEmpty) {
      const batch = this.#filling;
      this.#writing = batch;
      this.#filling = new Batch();
      try {
        await this.#write(batch);
      } catch (error) {
        if (this.#writing === batch) this.#fail(error as Error);
        break;
      }
      if (this.#writing !== batch) break; // stopped meanwhile
      this.#writing = undefined;
      for (const done of batch.waiting) done(undefined);
    }
    this.#running = false;
    if (!this.#stopped && !this.#filling.isEmpty) this.#schedule();
  }

  #fail(error: Error): void {
    this.stop(error);
    this.#options.onFailure(error);
  }

  async #write(batch: Batch): Promise<void> {
    const { journal, sync } = this.#options;
    for (let more = true; more; ) {
      while (!this.#options.mayWrite()) {
        await new Promise<void>((resolve) => (this.#room = resolve));
        if (this.#writing !== batch) return;
      }
      const { bytes, done } = this.#encode(batch);
      more = !done;
      if (bytes.length > 0) await journal.append(bytes, sync);
      if (this.#writing !== batch) return;
    }
  }

  /** Encodes the next piece for the end of the journal's present file. */
  #encode(batch: Batch): { bytes: Buffer; done: boolean } {
    const { salt, bytes: position } = this.#options.journal.current!;
    const encoder = this.#encoder;
    encoder.begin(salt, position);
    if (batch.floor !== undefined) encoder.addFlush(batch.floor);
    batch.floor = undefined;
    let done = false;
    for (let entries = 0; !done && entries < PIECE_ENTRIES && encoder.bytes < PIECE_BYTES; entries++) {
      if (batch.next()) encoder.addEntry(batch.key, batch.entry!);
      else done = true;
    }
    return { bytes: encoder.end(), done };
  }
}
