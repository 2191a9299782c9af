import type { ClockReading } from './clock-offset.js';

export interface ClusterClockOptions {
  /** What the registry tells of the cluster's time: a new object whenever it is told anew; undefined before the first. */
  readonly reading: () => ClockReading | undefined;
  /** Monotonic clock, ms. Default `performance.now`. */
  readonly monotonic?: () => number;
  /** Wall clock, ms since 1970: asked once, for the time until the first reading. Default `Date.now`. */
  readonly wall?: () => number;
}

/**
 * Ms that the clock is put right by in a second at most. More than any oscillator is wrong by, and a clock that is off by
 * the most that is put right so is right after five seconds.
 */
const SLEW_PER_MS = 0.05;
/**
 * Beyond this, ms, the clock is not put right little by little. Two processes that are within it are within the half
 * second that a node lets a stamp be ahead.
 */
export const MAX_CLOCK_GAP_MS = 250;

/**
 * The cluster's time in one process: its monotonic clock plus an offset that is learnt from the registry. Stamps and
 * expiries go by it, in all processes.
 *
 *     cluster time = monotonic clock + offset          offset --(at most 50 ms per second)--> reading
 *
 * It does not look at the wall clock after it is made, so that a wall clock may be set to anything. It never goes back
 * and never jumps while it runs. A reading that is too far off for that means that this process's monotonic clock stood
 * still (the machine slept, the virtual machine was moved) or that the registry's time is another one: the clock goes on
 * as it is until {@link ClusterClock.drawAnew}, whose caller sees to what the process has missed.
 */
export class ClusterClock {
  readonly #reading: () => ClockReading | undefined;
  readonly #monotonic: () => number;
  #seen: ClockReading | undefined;
  #offsetMs: number;
  #targetMs: number;
  #slewedAt: number;

  constructor(options: ClusterClockOptions) {
    const { reading, monotonic = () => performance.now(), wall = Date.now } = options;
    this.#reading = reading;
    this.#monotonic = monotonic;
    this.#slewedAt = monotonic();
    this.#offsetMs = this.#targetMs = wall() - this.#slewedAt;
  }

  /** Ms since 1970, a whole number. O(1). */
  readonly now = (): number => {
    const at = this.#monotonic();
    const reading = this.#reading();
    if (reading !== undefined && reading !== this.#seen) this.#aimFor(reading, at);
    if (this.#offsetMs !== this.#targetMs) this.#slew(at);
    return Math.floor(at + this.#offsetMs);
  };

  /**
   * How much more the registry's time is than this clock says, ms, if that is too much to be put right little by little;
   * 0 otherwise.
   */
  get gapMs(): number {
    this.now();
    return this.#seen === undefined ? 0 : gapOf(this.#seen, this.#offsetMs);
  }

  /** Takes the registry's time at once. */
  drawAnew(): void {
    if (this.#seen !== undefined) this.#offsetMs = this.#targetMs = this.#seen.offsetMs;
  }

  #aimFor(reading: ClockReading, at: number): void {
    const isFirst = this.#seen === undefined;
    this.#seen = reading;
    if (isFirst) return this.drawAnew();
    if (this.#offsetMs !== this.#targetMs) this.#slew(at);
    this.#slewedAt = at;
    this.#targetMs = gapOf(reading, this.#offsetMs) === 0 ? reading.offsetMs : this.#offsetMs;
  }

  #slew(at: number): void {
    const mostMs = (at - this.#slewedAt) * SLEW_PER_MS;
    this.#slewedAt = at;
    const leftMs = this.#targetMs - this.#offsetMs;
    if (Math.abs(leftMs) <= mostMs) this.#offsetMs = this.#targetMs;
    else this.#offsetMs += Math.sign(leftMs) * mostMs;
  }
}

function gapOf({ offsetMs, errorMs }: ClockReading, ours: number): number {
  const gap = offsetMs - ours;
  return Math.abs(gap) - errorMs > MAX_CLOCK_GAP_MS ? gap : 0;
}
