import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../http.js';

export interface FillOptions {
  readonly url: string;
  readonly prefix: string;
  readonly keys: number;
  /** Bytes of each value. @defaultValue 100 */
  readonly valueBytes?: number;
}

const BATCH_BYTES = 2_000_000;
const MAX_BATCH = 1000;
const TIMEOUT_MS = 60_000;
const TRIES = 5;
const PAUSE_MS = 500;

/** Many keys that are written once, before a fault, and must all be there after it. */
export class Fill {
  readonly #options: FillOptions;

  constructor(options: FillOptions) {
    this.#options = options;
  }

  /** Asks again where a machine was too busy. @throws Error when something was not stored */
  async store(): Promise<void> {
    for (const keys of this.#batches()) {
      const json = keys.map((key) => ({ key, value: this.#value(key) }));
      for (let tries = TRIES; ; tries--) {
        const answer = await call(this.#options.url, '/data/bulk', { json, timeoutMs: TIMEOUT_MS });
        if (answer.status === 200) break;
        if (tries === 1) throw new Error(`fill: ${answer.status} ${answer.text.slice(0, 500)}`);
        await sleep(PAUSE_MS);
      }
    }
  }

  /** Keys that are gone or hold something else, read through `url`. */
  async lost(url = this.#options.url): Promise<string[]> {
    const lost: string[] = [];
    for (const keys of this.#batches()) {
      const answer = await call(url, '/data/bulk/get', { json: keys, timeoutMs: TIMEOUT_MS });
      if (answer.status !== 200) throw new Error(`read of the fill: ${answer.status} ${answer.text.slice(0, 500)}`);
      const values = answer.json<Record<string, unknown>>();
      lost.push(...keys.filter((key) => values[key] !== this.#value(key)));
    }
    return lost;
  }

  #value(key: string): string {
    return `${key}=`.padEnd(this.#options.valueBytes ?? 100, '.');
  }

  *#batches(): Generator<string[]> {
    const { prefix, keys, valueBytes = 100 } = this.#options;
    const size = Math.max(1, Math.min(MAX_BATCH, Math.floor(BATCH_BYTES / valueBytes)));
    for (let from = 0; from < keys; from += size) {
      yield Array.from({ length: Math.min(size, keys - from) }, (_, i) => `${prefix}:${from + i}`);
    }
  }
}
