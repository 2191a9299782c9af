import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.js';
import { read } from '../data-api.js';
import { call } from '../http.js';

const KEYS = 100;
const LONG_SECONDS = 3600;
const SHORT_SECONDS = 2;
/** TTLs are told in seconds. */
const RESOLUTION_SECONDS = 1.1;

/** Keys with a long TTL, with one that is over soon, and keys that were deleted: what a restart must get right. */
export class LastingKeys {
  readonly #prefix: string;
  #asked = 0;
  #stored = 0;

  private constructor(prefix: string) {
    this.#prefix = prefix;
  }

  static async store(url: string, prefix: string): Promise<LastingKeys> {
    const lasting = new LastingKeys(prefix);
    lasting.#asked = performance.now();
    const items = [
      ...lasting.#keys('long').map((key) => ({ key, value: key, ttl: LONG_SECONDS })),
      ...lasting.#keys('short').map((key) => ({ key, value: key, ttl: SHORT_SECONDS })),
      ...lasting.#keys('deleted').map((key) => ({ key, value: key })),
    ];
    await answered(url, '/data/bulk', items);
    lasting.#stored = performance.now();
    await answered(url, '/data/bulk/delete', lasting.#keys('deleted'));
    return lasting;
  }

  /** What is not as it should be now, as lines to print. */
  async wrong(url: string): Promise<string[]> {
    const left = SHORT_SECONDS * 1000 - (performance.now() - this.#stored);
    if (left > 0) await sleep(left + 100);
    const wrong: string[] = [];
    for (const key of this.#keys('long')) {
      const asked = performance.now();
      const answer = await answers(url, key);
      const { value, ttl = NaN } = answer.status === 200 ? answer.json<{ value: unknown; ttl?: number }>() : {};
      const most = LONG_SECONDS - (asked - this.#stored) / 1000 + RESOLUTION_SECONDS;
      const least = LONG_SECONDS - (performance.now() - this.#asked) / 1000 - RESOLUTION_SECONDS;
      if (value !== key || !(ttl >= least && ttl <= most)) wrong.push(`${key}: ${answer.status} ${answer.text}`);
    }
    for (const key of [...this.#keys('short'), ...this.#keys('deleted')]) {
      const { status, text } = await answers(url, key);
      if (status !== 404) wrong.push(`${key}: ${status} ${text}`);
    }
    return wrong;
  }

  #keys(kind: string): string[] {
    return Array.from({ length: KEYS }, (_, i) => `${this.#prefix}:${kind}:${i}`);
  }
}

async function answered(url: string, path: string, json: unknown): Promise<void> {
  const { status, text } = await call(url, path, { json });
  if (status !== 200) throw new Error(`${path}: ${status} ${text.slice(0, 300)}`);
}

/** A read that is answered; a node that has just started may want a moment. */
function answers(url: string, key: string): ReturnType<typeof read> {
  return eventually(async () => {
    const answer = await read(url, key);
    if (answer.status >= 500) throw new Error(`${key}: ${answer.status} ${answer.text}`);
    return answer;
  });
}
