import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../http.js';
import { LoadClient } from './load-client.js';

const WORKERS = 8;
const PAUSE_MS = 3;
const BATCH = 500;

/** A key that was written once, and when that was acknowledged (of `performance.now()`). */
export interface AcknowledgedWrite {
  readonly key: string;
  readonly at: number;
}

/** Writes new keys all the time, to find out how far back a loss reaches. */
export class AcknowledgedWrites {
  readonly #client: LoadClient;
  readonly #prefix: string;
  readonly #writes: AcknowledgedWrite[] = [];
  readonly #workers: Promise<void>[];
  #running = true;

  constructor(urls: readonly string[], prefix: string) {
    this.#client = new LoadClient({ urls });
    this.#prefix = prefix;
    this.#workers = Array.from({ length: WORKERS }, (_, worker) => this.#work(worker));
  }

  /** @returns all that was acknowledged */
  async stop(): Promise<readonly AcknowledgedWrite[]> {
    this.#running = false;
    await Promise.all(this.#workers);
    this.#client.close();
    return this.#writes;
  }

  /** Those that are not there, or are not what was written. */
  async lost(url: string): Promise<AcknowledgedWrite[]> {
    const lost: AcknowledgedWrite[] = [];
    for (let from = 0; from < this.#writes.length; from += BATCH) {
      const batch = this.#writes.slice(from, from + BATCH);
      const answer = await call(url, '/data/bulk/get', { json: batch.map(({ key }) => key) });
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text.slice(0, 300)}`);
      const values = answer.json<Record<string, unknown>>();
      lost.push(...batch.filter(({ key }) => values[key] !== key));
    }
    return lost;
  }

  async #work(worker: number): Promise<void> {
    for (let turn = 0; this.#running; turn++) {
      const key = `${this.#prefix}:${worker}:${turn}`;
      const { status } = await this.#client.call({ method: 'POST', path: '/data', json: { key, value: key } });
      if (status === 200) this.#writes.push({ key, at: performance.now() });
      await sleep(PAUSE_MS);
    }
  }
}
