import type { OperationResult } from './recent-operations.js';

interface Remembered extends OperationResult {
  readonly forgetAt: number;
}

/** The results of increments by the client's idempotency token, for a limited time, bounded in number. O(1). */
export class TokenResults {
  readonly #results = new Map<string, Remembered>();
  readonly #max: number;
  readonly #retentionMs: number;
  readonly #now: () => number;

  constructor(options: { readonly max: number; readonly retentionMs: number; readonly now: () => number }) {
    this.#max = options.max;
    this.#retentionMs = options.retentionMs;
    this.#now = options.now;
  }

  get size(): number {
    return this.#results.size;
  }

  find(key: string, token: string): OperationResult | undefined {
    const found = this.#results.get(nameOf(key, token));
    return found !== undefined && found.forgetAt > this.#now() ? found : undefined;
  }

  remember(key: string, token: string, result: OperationResult): void {
    const now = this.#now();
    let toLook = 2; // two out for each one in: it shrinks as fast as it grew
    for (const [name, { forgetAt }] of this.#results) {
      if (toLook-- === 0 || (forgetAt > now && this.#results.size < this.#max)) break;
      this.#results.delete(name);
    }
    this.#results.set(nameOf(key, token), { ...result, forgetAt: now + this.#retentionMs });
  }
}

function nameOf(key: string, token: string): string {
  return `${key.length}:${key}${token}`;
}
