interface Sample {
  readonly offsetMs: number;
  /** The offset is at most so far off. */
  readonly errorMs: number;
}

const WINDOW = 8;
/** Whole milliseconds on both clocks. */
const RESOLUTION_MS = 2;
/** Offsets below this are left alone: they are within what hosts with NTP differ by, and not worth a step. */
const DEAD_BAND_MS = 50;

/**
 * How far the registry's wall clock is from this process's, from the times of request and reply (Cristian,
 * "Probabilistic clock synchronization", 1989): of the last eight exchanges the one with the shortest round trip
 * counts. An exchange that contradicts the others means that a clock was set, and begins anew.
 */
export class ClockOffset {
  #samples: Sample[] = [];
  #offsetMs = 0;

  /** What to add to the local wall clock, ms; 0 while the clocks agree. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /**
   * @param difference registry's time in the reply, minus local wall time when the request was sent
   * @param roundTripMs on the monotonic clock
   */
  add(difference: number, roundTripMs: number): void {
    const half = roundTripMs / 2;
    const sample: Sample = { offsetMs: difference - half, errorMs: half + RESOLUTION_MS };
    const agrees = (other: Sample): boolean =>
      Math.abs(other.offsetMs - sample.offsetMs) <= other.errorMs + sample.errorMs;
    this.#samples = [...this.#samples.filter(agrees), sample].slice(-WINDOW);
    const best = this.#samples.reduce((a, b) => (b.errorMs < a.errorMs ? b : a));
    this.#offsetMs = Math.abs(best.offsetMs) < DEAD_BAND_MS ? 0 : Math.round(best.offsetMs);
  }
}
