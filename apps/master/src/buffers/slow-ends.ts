/** Somebody whose bytes are held until the client at the other end reads or sends. */
export interface SlowEnd {
  /** Lets go of it, which gives its bytes back. */
  cut(): void;
}

export interface SlowEndsOptions {
  /** How long a client has before it may be cut off for others, ms. */
  readonly graceMs: number;
  /** Monotonic clock, ms. */
  readonly now: () => number;
}

/** Those who wait for their clients, the oldest first: it goes when others find no room. O(1). */
export class SlowEnds {
  readonly #graceMs: number;
  readonly #now: () => number;
  readonly #since = new Map<SlowEnd, number>();

  constructor({ graceMs, now }: SlowEndsOptions) {
    this.#graceMs = graceMs;
    this.#now = now;
  }

  begin(end: SlowEnd): void {
    if (!this.#since.has(end)) this.#since.set(end, this.#now());
  }

  done(end: SlowEnd): void {
    this.#since.delete(end);
  }

  /** Cuts the oldest off if it has had its time. */
  cutOldest(): void {
    const oldest = this.#since.entries().next().value;
    if (oldest && this.#now() - oldest[1] >= this.#graceMs) oldest[0].cut();
  }
}
