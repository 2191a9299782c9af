import { type Time } from '../routing/ports.js';

const TICK_MS = 50;
/** A tick that is no later than this is no stall: timers are never exact. */
const LATE_MS = 50;

/** Adds up the time for which the event loop did not run. An aux counts the same in its `EventLoopWatch`. */
export class EventLoopStalls {
  /**
   * Of each time that the loop was more than 50 ms late, ms. Only ever grows, so that one long stall shows however many
   * readers there are, and however rarely they look.
   */
  stalledMs = 0;
  readonly #time: Time;
  #cancel: () => void;

  constructor(time: Time) {
    this.#time = time;
    this.#cancel = this.#arm(time.now());
  }

  /** Idempotent. */
  close(): void {
    this.#cancel();
  }

  #arm(from: number): () => void {
    return this.#time.after(TICK_MS, () => {
      const now = this.#time.now();
      const lateMs = now - from - TICK_MS;
      if (lateMs > LATE_MS) this.stalledMs += lateMs;
      this.#cancel = this.#arm(now);
    });
  }
}
