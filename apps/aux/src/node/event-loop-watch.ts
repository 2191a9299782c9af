import type { Timers } from './ports.js';

export interface EventLoopWatchOptions {
  readonly timers: Timers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** Told when the process did not run for `wakeAfterMs` or more, before anything else sees the time that has passed. */
  readonly onWake: (gapMs: number) => void;
  /** @defaultValue 1000 */
  readonly wakeAfterMs?: number;
}

const TICK_MS = 50;
/** A later tick than this means that answers may have come and not been read. */
const LAG_MS = 50;
const LAG_MEMORY_MS = 500;
export const DEFAULT_WAKE_AFTER_MS = 1000;

/**
 * Notices that this process did not run: paused, swapped out, or busy. After such a gap the silence of others proves
 * nothing, and what this process knows of the cluster is old.
 */
export class EventLoopWatch {
  /**
   * Time for which the loop did not run, of each time that it was more than 50 ms late, ms. Only ever grows, so that one
   * long stall shows however many readers there are, and however rarely they look.
   */
  stalledMs = 0;

  readonly #options: EventLoopWatchOptions;
  #last: number;
  #laggedAt = -Infinity;
  #cancel: (() => void) | undefined;

  constructor(options: EventLoopWatchOptions) {
    this.#options = options;
    this.#last = options.monotonic();
  }

  start(): void {
    this.#last = this.#options.monotonic();
    this.#arm();
  }

  /** The loop was late a moment ago. */
  get isLagging(): boolean {
    this.check();
    return this.#options.monotonic() - this.#laggedAt < LAG_MEMORY_MS;
  }

  /** Looks at the clock. Call where input from outside first arrives: after a pause it may arrive before the timer. */
  check(): void {
    if (this.#cancel === undefined) return;
    const { monotonic, onWake, wakeAfterMs = DEFAULT_WAKE_AFTER_MS } = this.#options;
    const now = monotonic();
    const gap = now - this.#last;
    if (gap > TICK_MS + LAG_MS) {
      this.#last = now;
      this.#laggedAt = now;
      this.stalledMs += gap - TICK_MS;
      if (gap >= wakeAfterMs) onWake(gap);
    }
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    this.#cancel = this.#options.timers.after(TICK_MS, () => {
      this.check();
      this.#last = this.#options.monotonic();
      this.#arm();
    });
  }
}
