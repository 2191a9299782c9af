import { tokenKey } from '@dcs/protocol';
import type { OperationResult } from './recent-operations.js';

export interface TokenResult extends OperationResult {
  readonly key: string;
  readonly token: string;
  readonly slot: number;
  /** ms since the Unix epoch. */
  readonly forgetAt: number;
}

/**
 * The results of increments by the client's idempotency token, for a limited time, bounded in number. A ring, in the
 * order in which they came, and an index over it. O(1).
 */
export class TokenResults {
  readonly #ring: (TokenResult | undefined)[] = [];
  readonly #places = new Map<string, number>();
  readonly #max: number;
  readonly #now: () => number;
  /** Place of the next one, and of the oldest; counted on, a place in the ring is the remainder by `max`. */
  #next = 0;
  #oldest = 0;

  constructor(options: { readonly max: number; readonly now: () => number }) {
    this.#max = options.max;
    this.#now = options.now;
  }

  get size(): number {
    return this.#places.size;
  }

  find(key: string, token: string): TokenResult | undefined {
    if (this.#places.size === 0) return undefined;
    const place = this.#places.get(nameOf(key, token));
    const found = place === undefined ? undefined : this.#ring[place];
    return found !== undefined && found.forgetAt > this.#now() ? found : undefined;
  }

  record(result: TokenResult): void {
    const name = nameOf(result.key, result.token);
    const known = this.#places.get(name);
    if (known !== undefined) {
      this.#ring[known] = result;
      return;
    }
    this.#makeRoom();
    const place = this.#next++ % this.#max;
    this.#ring[place] = result;
    this.#places.set(name, place);
  }

  /**
   * Walks the results from a cursor that an earlier call returned (0 to begin), at most `visits` places, or until
   * `visit` returns false. Returns the next cursor, 0 at the end.
   */
  scan(cursor: number, visits: number, visit: (result: TokenResult) => boolean): number {
    const now = this.#now();
    const begin = Math.max(cursor, this.#oldest);
    const end = Math.min(this.#next, begin + visits);
    for (let at = begin; at < end; at++) {
      const result = this.#ring[at % this.#max];
      if (result !== undefined && result.forgetAt > now && !visit(result)) return at + 1 < this.#next ? at + 1 : 0;
    }
    return end < this.#next ? end : 0;
  }

  clear(): void {
    this.#ring.length = 0;
    this.#places.clear();
    this.#next = 0;
    this.#oldest = 0;
  }

  /** Two out for each one in, of those whose time is over: it shrinks as fast as it grew. */
  #makeRoom(): void {
    const now = this.#now();
    for (let looks = 0; looks < 2 && this.#oldest < this.#next; looks++) {
      const place = this.#oldest % this.#max;
      const result = this.#ring[place]!;
      if (result.forgetAt > now && this.#next - this.#oldest < this.#max) return;
      this.#ring[place] = undefined;
      this.#places.delete(nameOf(result.key, result.token));
      this.#oldest++;
    }
  }
}

function nameOf(key: string, token: string): string {
  return `${key.length}:${key}${tokenKey(token)}`;
}
