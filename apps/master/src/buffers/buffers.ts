import { ByteBudget } from './byte-budget.js';
import { SlowEnds } from './slow-ends.js';

/** Of the heap's limit, the part that each of the two budgets has. */
const HEAP_SHARE = 4;
/** A reader that has not taken its answer for so long is cut off when others find no room, ms. */
const READER_GRACE_MS = 10_000;
/** The same for a sender whose body is not whole, ms. */
const SENDER_GRACE_MS = 5000;

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
  /** Bodies that are not whole yet. */
  readonly senders: SlowEnds;
  /** Connections with a large answer to read. */
  readonly readers: SlowEnds;

  constructor({ heapLimitBytes, now }: BuffersOptions) {
    const capacity = Math.floor(heapLimitBytes / HEAP_SHARE);
    this.bodies = new ByteBudget(capacity);
    this.answers = new ByteBudget(capacity);
    this.senders = new SlowEnds({ graceMs: SENDER_GRACE_MS, now });
    this.readers = new SlowEnds({ graceMs: READER_GRACE_MS, now });
  }

  /** Takes bytes for an answer. When there is no room, the reader that has been slow for the longest is cut off. */
  takeAnswer(bytes: number): boolean {
    if (this.answers.take(bytes)) return true;
    this.readers.cutOldest();
    return false;
  }
}
