import type { Timers } from '../node/ports.js';

export interface BreatherOptions {
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly timers: Timers;
  /** Longest stretch of work without a pause. */
  readonly sliceMs: number;
  /** Asked before each pause; 0 = only as long as others want the event loop. */
  readonly pauseMs: () => number;
}

/** Parts long work into slices, so that requests are served between them. */
export class Breather {
  readonly #options: BreatherOptions;
  #sliceBegan: number;

  constructor(options: BreatherOptions) {
    this.#options = options;
    this.#sliceBegan = options.monotonic();
  }

  /** Whether the slice is over: then wait for {@link pause}. */
  get isDue(): boolean {
    return this.#options.monotonic() - this.#sliceBegan >= this.#options.sliceMs;
  }

  /** A pause, after which a new slice begins. */
  async pause(): Promise<void> {
    const { timers, monotonic } = this.#options;
    const ms = this.#options.pauseMs();
    await new Promise<void>((resolve) => {
      if (ms > 0) timers.after(ms, resolve);
      else setImmediate(resolve);
    });
    this.#sliceBegan = monotonic();
  }
}
