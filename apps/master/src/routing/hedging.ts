import { type Time } from './ports.js';

/** An operation that may be sent to a second node when the first is slow. */
export interface Hedgeable {
  readonly done: boolean;
  hedge(): void;
}

interface Waiting {
  readonly operation: Hedgeable;
  readonly at: number;
}

/**
 * Calls operations back that are not done after a delay, the same for all (Dean and Barroso, "The Tail at Scale",
 * 2013). One timer for all of them: an operation costs two pushes, and nothing when it is done in time.
 */
export class Hedging {
  readonly #time: Time;
  readonly #delayMs: number;
  #waiting: Waiting[] = [];
  #head = 0;
  #cancel: (() => void) | undefined;

  /** @param delayMs 0 switches it off */
  constructor(time: Time, delayMs: number) {
    this.#time = time;
    this.#delayMs = delayMs;
  }

  /** @param now on the monotonic clock */
  watch(operation: Hedgeable, now: number): void {
    if (this.#delayMs === 0) return;
    this.#waiting.push({ operation, at: now + this.#delayMs });
    this.#arm(this.#delayMs);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting = [];
    this.#head = 0;
  }

  #arm(ms: number): void {
    this.#cancel ??= this.#time.after(ms, () => {
      this.#cancel = undefined;
      this.#run();
    });
  }

  #run(): void {
    const now = this.#time.now();
    const waiting = this.#waiting;
    for (; this.#head < waiting.length; this.#head++) {
      const { operation, at } = waiting[this.#head]!;
      if (operation.done) continue;
      if (at > now) break;
      operation.hedge();
    }
    if (this.#head === waiting.length) {
      this.#waiting = [];
      this.#head = 0;
      return;
    }
    if (this.#head > 1024) {
      waiting.splice(0, this.#head);
      this.#head = 0;
    }
    this.#arm(Math.max(1, waiting[this.#head]!.at - now));
  }
}
