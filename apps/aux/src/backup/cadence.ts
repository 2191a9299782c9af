/** Of the interval: kept free, since the next backup may take longer than the last. */
const MARGIN = 0.1;
/** Of the interval: by up to so much a backup comes earlier, so that nodes do not stay in step. */
const JITTER = 0.1;
/** Of the interval: the shortest time between two backups. */
const MIN_PAUSE = 0.1;
/** Of the interval: a backup that is not done by then hurries. */
const UNHURRIED = 0.25;

/** With pauses of this a backup takes a seventeenth of the event loop at most ... */
const PAUSE_MS = 8;
/** ... and in a hurry a fifth. */
const HURRIED_PAUSE_MS = 2;

/**
 * When backups begin: so that each is done within an interval from the beginning of the one before, for what came since
 * then is what the loss of everything costs. That can be kept while one takes at most 0.4 of the interval.
 */
export class Cadence {
  readonly #intervalMs: number;
  readonly #random: () => number;

  /**
   * @param intervalMs 0 = no backups but on demand
   * @param random uniform in [0, 1)
   */
  constructor(intervalMs: number, random: () => number) {
    this.#intervalMs = intervalMs;
    this.#random = random;
  }

  /** From the start of the node to its first backup: nodes that start together do not write together. */
  firstDelayMs(): number {
    return this.#intervalMs * (MIN_PAUSE + (1 - MIN_PAUSE - MARGIN) * this.#random());
  }

  /** From the end of a backup that took so long to the next one, which will take as long. */
  delayMs(tookMs: number): number {
    return Math.max(MIN_PAUSE * this.#intervalMs, this.#latestMs(tookMs) - JITTER * this.#intervalMs * this.#random());
  }

  /** Whether backups that take so long are done within an interval from the beginning of the one before. */
  isKept(tookMs: number): boolean {
    return this.#latestMs(tookMs) >= MIN_PAUSE * this.#intervalMs;
  }

  /** Between two slices of a backup that began so long ago. */
  pauseMs(elapsedMs: number): number {
    const isLate = this.#intervalMs > 0 && elapsedMs > UNHURRIED * this.#intervalMs;
    return isLate ? HURRIED_PAUSE_MS : PAUSE_MS;
  }

  #latestMs(tookMs: number): number {
    return (1 - MARGIN) * this.#intervalMs - 2 * tookMs;
  }
}
