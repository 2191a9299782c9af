import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type ServerAccess, openClient, shown, within } from './redis-client.js';
import type { Primary, PrimaryLocator } from './redis-primary.js';

export interface RedisLinkOptions {
  readonly locator: PrimaryLocator;
  readonly access: ServerAccess;
  /** A key of the slot whose primary is wanted. */
  readonly key: string;
  readonly timeoutMs: number;
  readonly random: () => number;
  readonly log: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** Share of `timeoutMs` for asking where the primary is, with and without a connection that works meanwhile. */
const VERIFY_SHARE = 1 / 4;
const LOCATE_SHARE = 1 / 2;

/**
 * The way to the primary. Every attempt asks anew where the primary is and opens a new connection, and ends within
 * `2 * timeoutMs`; whatever state a connection is stuck in, it is dropped and not mended. While a connection is in
 * use, who the primary is is asked again once in `timeoutMs`, so that a primary of the past is left even when it answers.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  #client: Redis | undefined;
  #primary: Primary | undefined;
  #verifiedAt = -Infinity;
  #attempt: Promise<Redis> | undefined;
  #failures = 0;
  #notBefore = -Infinity;
  #warned = false;
  #closed = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
  }

  /** A ready connection to the primary. Calls share one attempt; the caller bounds its own waiting. */
  async client(): Promise<Redis> {
    const fresh = performance.now() - this.#verifiedAt < this.#options.timeoutMs;
    if (fresh && this.#client?.status === 'ready') return this.#client;
    if (!this.#attempt) {
      this.#attempt = this.#open().finally(() => (this.#attempt = undefined));
      this.#attempt.catch(() => undefined); // who waited is told; an attempt may outlive its callers
    }
    return this.#attempt;
  }

  /** A connection of its own to the primary, for subscriptions. The caller closes it. */
  async another(): Promise<Redis> {
    const { locator, key, timeoutMs, access } = this.#options;
    const primary = await locator.locate(key, timeoutMs * LOCATE_SHARE);
    return openClient(primary, access, timeoutMs, (error) => this.#note(error, primary));
  }

  /** Gives a connection up that answered too late, or that says it is not the primary's. */
  drop(client: { disconnect(): void }): void {
    client.disconnect();
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#verifiedAt = -Infinity;
  }

  close(): void {
    this.#closed = true;
    this.#client?.disconnect();
    this.#client = undefined;
  }

  async #open(): Promise<Redis> {
    const wait = this.#notBefore - performance.now();
    if (wait > 0) await pause(wait, undefined, { ref: false });
    try {
      const client = await this.#verifiedClient();
      if (this.#closed) {
        client.disconnect();
        throw new Error('closed');
      }
      this.#failures = 0;
      this.#notBefore = -Infinity;
      return client;
    } catch (error) {
      const longest = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures++, 10));
      this.#notBefore = performance.now() + longest * (0.5 + this.#options.random() / 2);
      throw error;
    }
  }

  async #verifiedClient(): Promise<Redis> {
    const { locator, key, timeoutMs, access } = this.#options;
    const current = this.#client?.status === 'ready' ? this.#client : undefined;
    let primary: Primary;
    try {
      primary = await locator.locate(key, timeoutMs * (current ? VERIFY_SHARE : LOCATE_SHARE));
    } catch (error) {
      if (!current) throw error;
      this.#note(error as Error, this.#primary!);
      this.#verifiedAt = performance.now(); // those who know are away; the primary is not
      return current;
    }
    if (current && isSame(primary, this.#primary)) {
      this.#verifiedAt = performance.now();
      return current;
    }
    this.#client?.disconnect();
    this.#client = undefined;
    const began = performance.now();
    const client = await openClient(primary, access, timeoutMs, (error) => this.#note(error, primary));
    try {
      const left = Math.max(1, began + timeoutMs - performance.now());
      this.#check(await within(left, client.info('replication'), `no answer from ${shown(primary)}`), primary);
    } catch (error) {
      client.disconnect();
      throw error;
    }
    this.#client = client;
    this.#primary = primary;
    this.#verifiedAt = performance.now();
    return client;
  }

  #check(info: string, primary: Primary): void {
    if (/^role:slave/m.test(info)) throw new Error(`${shown(primary)} is a replica`);
    const guarded = /^min_slaves_good_slaves:/m.test(info);
    if (primary.configEpoch === 0 || guarded || this.#warned) return;
    this.#warned = true;
    this.#options.log(
      'min-replicas-to-write is 0: a Redis primary that was cut off goes on taking writes that a failover drops',
      { primary: shown(primary) },
    );
  }

  #note(error: Error, { host, port }: Primary): void {
    if (!this.#closed) this.#options.log('Redis connection', { host, port, error: error.message });
  }
}

function isSame(a: Primary, b: Primary | undefined): boolean {
  return a.host === b?.host && a.port === b.port && a.configEpoch === b.configEpoch;
}
