import { setTimeout as sleep } from 'node:timers/promises';
import { dataPath } from '../data-api.js';
import { call } from '../http.js';

const WORKERS = 4;
/** Between two calls of a worker: enough to be under load, not enough to starve what is tested. */
const PAUSE_MS = 25;

export interface LoadReport {
  readonly succeeded: number;
  /** One line per call that was not answered as it should be. */
  readonly failed: readonly string[];
  /** Keys whose acknowledged value could not be read at the end. */
  readonly lost: readonly string[];
}

/** Writes keys and reads back those that were acknowledged, each call on a connection of its own, until stopped. */
export class Load {
  readonly #url: string;
  readonly #token: string;
  readonly #acknowledged: { readonly key: string; readonly value: number }[] = [];
  readonly #failed: string[] = [];
  readonly #workers: Promise<void>[];
  #succeeded = 0;
  #stopped = false;

  constructor(url: string, token: string, prefix: string) {
    this.#url = url;
    this.#token = token;
    this.#workers = Array.from({ length: WORKERS }, (_, worker) => this.#work(`${prefix}-${worker}`));
  }

  /** Ends the load, then reads every acknowledged key once more. */
  async stop(): Promise<LoadReport> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    const lost: string[] = [];
    const left = [...this.#acknowledged];
    await Promise.all(
      Array.from({ length: WORKERS }, async () => {
        for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
          const problem = await this.#read(entry.key, entry.value);
          if (problem !== undefined) lost.push(problem);
        }
      }),
    );
    return { succeeded: this.#succeeded, failed: this.#failed, lost };
  }

  async #work(prefix: string): Promise<void> {
    for (let value = 0; !this.#stopped; value++) {
      const key = `${prefix}-${value}`;
      this.#count(await this.#write(key, value));
      const earlier = this.#acknowledged[Math.floor(Math.random() * this.#acknowledged.length)];
      if (earlier !== undefined) this.#count(await this.#read(earlier.key, earlier.value));
      await sleep(PAUSE_MS);
    }
  }

  #count(problem: string | undefined): void {
    if (problem === undefined) this.#succeeded++;
    else this.#failed.push(`${new Date().toISOString()} ${problem}`);
  }

  async #write(key: string, value: number): Promise<string | undefined> {
    const answer = await call(this.#url, '/data', { json: { key, value }, token: this.#token }).catch(String);
    if (typeof answer === 'string') return `set ${key}: ${answer}`;
    if (answer.status !== 200) return `set ${key}: ${answer.status} ${answer.text}`;
    this.#acknowledged.push({ key, value });
    return undefined;
  }

  async #read(key: string, value: number): Promise<string | undefined> {
    const answer = await call(this.#url, dataPath(key), { token: this.#token }).catch(String);
    if (typeof answer === 'string') return `get ${key}: ${answer}`;
    if (answer.status === 200 && answer.json<{ value: unknown }>().value === value) return undefined;
    return `get ${key}: ${answer.status} ${answer.text}`;
  }
}
