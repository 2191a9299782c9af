import type { RespValue } from './value.js';

/** Called once: with the reply, or with why there is none (a `RespError` when the peer refused). */
export type RespCallback = (error: Error | null, reply: RespValue) => void;

const INITIAL_CAPACITY = 64;

/**
 * Requests that wait for their reply, oldest first: a ring in two flat arrays, so that a request costs no object.
 *
 * ```
 *   [ free | head: oldest ... newest | free ]   capacity a power of two, doubled when full, indices masked
 * ```
 *
 * A request that timed out keeps its place without a callback until its late reply comes. Amortised O(1); expiry O(n)
 * when something may have expired, else O(1).
 */
export class RequestQueue {
  #callbacks = new Array<RespCallback | null>(INITIAL_CAPACITY).fill(null);
  #deadlines = new Array<number>(INITIAL_CAPACITY).fill(0);
  #mask = INITIAL_CAPACITY - 1;
  #head = 0;
  #earliest = Infinity;
  /** Replies that are still to come. */
  length = 0;
  /** Requests among them whose callback still waits. */
  live = 0;

  push(callback: RespCallback, deadline: number): void {
    if (this.length > this.#mask) this.#grow();
    const slot = (this.#head + this.length++) & this.#mask;
    this.#callbacks[slot] = callback;
    this.#deadlines[slot] = deadline;
    this.live++;
    if (deadline < this.#earliest) this.#earliest = deadline;
  }

  /** Takes the oldest off (there must be one); null when it had timed out. */
  shift(): RespCallback | null {
    const slot = this.#head;
    const callback = this.#callbacks[slot]!;
    this.#callbacks[slot] = null;
    this.#head = (slot + 1) & this.#mask;
    this.length--;
    if (callback !== null) this.live--;
    return callback;
  }

  /** The deadline of the oldest request if it has timed out and its reply has not come, else undefined. */
  get overdueSince(): number | undefined {
    return this.length > 0 && this.#callbacks[this.#head] === null ? this.#deadlines[this.#head] : undefined;
  }

  /** The callbacks of the requests whose deadline is not after `now`; they keep their places. */
  expire(now: number): RespCallback[] {
    const expired: RespCallback[] = [];
    if (now < this.#earliest) return expired;
    let earliest = Infinity;
    for (let i = 0; i < this.length; i++) {
      const slot = (this.#head + i) & this.#mask;
      const callback = this.#callbacks[slot]!;
      if (callback === null) continue;
      const deadline = this.#deadlines[slot]!;
      if (deadline > now) {
        if (deadline < earliest) earliest = deadline;
        continue;
      }
      this.#callbacks[slot] = null;
      this.live--;
      expired.push(callback);
    }
    this.#earliest = earliest;
    return expired;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const callbacks = new Array<RespCallback | null>(capacity).fill(null);
    const deadlines = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.length; i++) {
      const slot = (this.#head + i) & this.#mask;
      callbacks[i] = this.#callbacks[slot]!;
      deadlines[i] = this.#deadlines[slot]!;
    }
    this.#callbacks = callbacks;
    this.#deadlines = deadlines;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
