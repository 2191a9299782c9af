import type { Timers } from './ports.js';

/** Time between two sweeps. */
export const SWEEP_INTERVAL_MS = 100;
const MIN_VISITS = 4096;
const MAX_VISITS = 65_536;
/** Found more expired than this share of what was looked at: look at more next time. */
const EXPIRED_SHARE = 1 / 8;

/**
 * Removes what has expired without being asked for, in steps of bounded length: more records per step while many of
 * them have expired, fewer when few have.
 */
export class Sweeper {
  readonly #sweep: (maxVisits: number) => number;
  readonly #timers: Timers;
  #visits = MIN_VISITS;
  #cancel: (() => void) | undefined;

  /** @param sweep looks at so many records, returns how many it removed */
  constructor(sweep: (maxVisits: number) => number, timers: Timers) {
    this.#sweep = sweep;
    this.#timers = timers;
  }

  /** Records of the next step. */
  get visits(): number {
    return this.#visits;
  }

  start(): void {
    this.#cancel ??= this.#timers.after(SWEEP_INTERVAL_MS, () => {
      this.#cancel = undefined;
      this.step();
      this.start();
    });
  }

  step(): void {
    const removed = this.#sweep(this.#visits);
    this.#visits =
      removed > this.#visits * EXPIRED_SHARE
        ? Math.min(this.#visits * 2, MAX_VISITS)
        : Math.max(Math.floor(this.#visits / 2), MIN_VISITS);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
