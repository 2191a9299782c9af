/** Up to this, bytes may come out of the share that is kept for small ones. */
const SMALL_BYTES = 65_536;
/** One part in so many of a budget is kept for small ones. */
const SMALL_SHARE = 8;

/**
 * A bound on bytes that a process holds at a time. Bytes are taken before the work that needs them, and given back when
 * it is over. An eighth is kept for what is small, so that large bodies or answers never shut out small ones. What is
 * larger than the whole budget is let in alone. O(1).
 */
export class ByteBudget {
  readonly capacity: number;
  #used = 0;

  /** @param capacity in bytes */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Bytes that are held now. */
  get used(): number {
    return this.#used;
  }

  /** @param whole the size of what these bytes are a part of */
  fits(bytes: number, whole = bytes): boolean {
    if (this.#used === 0) return true;
    const bound = whole <= SMALL_BYTES ? this.capacity : this.capacity - this.capacity / SMALL_SHARE;
    return this.#used + bytes <= bound;
  }

  /** Whether the bytes were taken. Then they must be given back, once. */
  take(bytes: number): boolean {
    if (!this.fits(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Bytes of a budget in one hand: grows and shrinks with what it stands for. */
export class Hold {
  readonly #budget: ByteBudget;
  #bytes = 0;
  #released = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Holds so many bytes from now on. False: more did not fit, and nothing has changed. */
  resize(bytes: number): boolean {
    if (this.#released) return false;
    const more = bytes - this.#bytes;
    // What this hand holds itself is no reason to refuse it more when nobody else holds anything.
    if (more > 0 && this.#budget.used > this.#bytes && !this.#budget.fits(more, bytes)) return false;
    this.#budget.give(-more);
    this.#bytes = bytes;
    return true;
  }

  /** Gives everything back. Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
  }
}
