import { ByteBudget } from './byte-budget.js';

/** Of the heap's limit, the part that each of the two budgets has. */
const HEAP_SHARE = 4;
/** A reader that has not taken its answer for so long is cut off when others find no room, ms. */
const SLOW_READER_MS = 10_000;

/** Somebody who holds bytes of answers until the other end reads them. */
export interface Reader {
  /** Ends the connection, which gives its bytes back. */
  cut(): void;
}

export interface BuffersOptions {
  /** How large the process's heap may grow, bytes: each budget is a quarter of it. */
  readonly heapLimitBytes: number;
  /** Monotonic clock, ms. */
  readonly now: () => number;
}

/**
 * What a gateway may hold for its clients, in bytes: request bodies with all that is made of them, and answers until the
 * client has read them.
 */
export class Buffers {
  readonly bodies: ByteBudget;
  readonly answers: ByteBudget;
  readonly #now: () => number;
  /** Who holds a large answer, and since when; the oldest first. */
  readonly #readers = new Map<Reader, number>();

  constructor({ heapLimitBytes, now }: BuffersOptions) {
    const capacity = Math.floor(heapLimitBytes / HEAP_SHARE);
    this.bodies = new ByteBudget(capacity);
    this.answers = new ByteBudget(capacity);
    this.#now = now;
  }

  /** Takes bytes for an answer. When there is no room, the reader that has been slow for the longest is cut off. */
  takeAnswer(bytes: number): boolean {
    if (this.answers.take(bytes)) return true;
    const oldest = this.#readers.entries().next().value;
    if (oldest && this.#now() - oldest[1] >= SLOW_READER_MS) oldest[0].cut();
    return false;
  }

  /** This reader has a large answer to read. */
  reads(reader: Reader): void {
    if (!this.#readers.has(reader)) this.#readers.set(reader, this.#now());
  }

  /** It has read what it had, or is gone. */
  hasRead(reader: Reader): void {
    this.#readers.delete(reader);
  }
}
