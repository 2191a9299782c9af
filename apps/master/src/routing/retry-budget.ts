/** Retries that are always there, so that a gateway with little traffic can retry at all: capacity and refill. */
const RESERVE_TOKENS = 10;
const RESERVE_PER_SECOND = 10;
/** How many seconds' worth of unused budget may pile up, counted in tokens. */
const MAX_TOKENS = 500;

/**
 * Token bucket that holds retries to a share of the traffic, so that an outage is not answered with a storm: each
 * operation adds `percent / 100` of a token, each retry takes one. O(1).
 */
export class RetryBudget {
  readonly #share: number;
  readonly #now: () => number;
  #tokens = RESERVE_TOKENS;
  #refilledAt: number;

  constructor(percent: number, now: () => number) {
    this.#share = percent / 100;
    this.#now = now;
    this.#refilledAt = now();
  }

  /** To be called once for each operation. */
  deposit(): void {
    if (this.#tokens < MAX_TOKENS) this.#tokens += this.#share;
  }

  /** Whether one more retry may be made; takes its token. */
  withdraw(): boolean {
    const now = this.#now();
    if (this.#tokens < RESERVE_TOKENS) {
      const refill = ((now - this.#refilledAt) / 1000) * RESERVE_PER_SECOND;
      this.#tokens = Math.min(RESERVE_TOKENS, this.#tokens + refill);
    }
    this.#refilledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
