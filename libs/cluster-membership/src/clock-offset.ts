/** What one process knows of its cluster's time. */
export interface ClockReading {
  /** What to add to this process's monotonic clock to get the cluster's time, ms since 1970. */
  readonly offsetMs: number;
  /** The offset is at most so far off, ms. */
  readonly errorMs: number;
}

const WINDOW = 8;
/** Whole milliseconds on the registry's side. */
const RESOLUTION_MS = 1;

/**
 * How far the registry's wall clock is from this process's monotonic clock, from the times of request and reply
 * (Cristian, "Probabilistic clock synchronization", 1989): of the last eight exchanges the one with the shortest round
 * trip counts. An exchange that contradicts an earlier one ends what the earlier one says: the registry's clock was
 * set, another registry answers, or this machine slept.
 */
export class ClockOffset {
  #samples: ClockReading[] = [];
  #best: ClockReading | undefined;

  /** A new object after each exchange; undefined before the first. */
  get reading(): ClockReading | undefined {
    return this.#best;
  }

  /**
   * @param serverMs the registry's time in the reply, ms since 1970
   * @param sentAt monotonic time of the request, ms
   * @param receivedAt monotonic time of the reply, ms
   */
  add(serverMs: number, sentAt: number, receivedAt: number): void {
    const half = (receivedAt - sentAt) / 2;
    const sample: ClockReading = { offsetMs: serverMs - sentAt - half, errorMs: half + RESOLUTION_MS };
    const agrees = (other: ClockReading): boolean =>
      Math.abs(other.offsetMs - sample.offsetMs) <= other.errorMs + sample.errorMs;
    this.#samples = [...this.#samples.filter(agrees), sample].slice(-WINDOW);
    const best = this.#samples.reduce((a, b) => (b.errorMs < a.errorMs ? b : a));
    this.#best = { ...best };
  }
}
