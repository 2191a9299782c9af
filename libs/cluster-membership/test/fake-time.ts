import type { Timers } from '../src/membership-options.js';

/** A clock that moves when told to; what is due runs in order, and promises settle in between. */
export class FakeTime implements Timers {
  now = 1_700_000_000_000;
  #serial = 0;
  readonly #due = new Map<number, { at: number; callback: () => void }>();

  setTimeout(callback: () => void, ms: number): number {
    this.#due.set(++this.#serial, { at: this.now + ms, callback });
    return this.#serial;
  }

  clearTimeout(handle: unknown): void {
    this.#due.delete(handle as number);
  }

  get pending(): number {
    return this.#due.size;
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await new Promise((done) => setImmediate(done));
      const [next] = [...this.#due].sort(([, a], [, b]) => a.at - b.at);
      if (!next || next[1].at > end) break;
      this.#due.delete(next[0]);
      this.now = Math.max(this.now, next[1].at);
      next[1].callback();
    }
    this.now = end;
  }
}
