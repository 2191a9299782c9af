import { setTimeout as pause } from 'node:timers/promises';
import { type RedisClient, within } from './redis-client.js';

export interface RedisSubscriptionOptions {
  /** A ready connection that is this subscription's own. */
  readonly open: () => Promise<RedisClient>;
  readonly channel: string;
  readonly timeoutMs: number;
  readonly random: () => number;
  readonly onChange: () => void;
}

/** How often a connection on which nothing comes is asked whether it still answers, in units of `timeoutMs`. */
const PING_EVERY = 2;

/**
 * A subscription that outlives its connections: each one is asked from time to time whether it answers, and replaced
 * when it does not. After a gap it calls back, for what was published meanwhile is lost.
 */
export class RedisSubscription {
  readonly #options: RedisSubscriptionOptions;
  readonly #end = new AbortController();
  #client: RedisClient | undefined;

  constructor(options: RedisSubscriptionOptions) {
    this.#options = options;
  }

  /** Resolves when it listens; rejects, and ends, when the first attempt fails. */
  async start(): Promise<void> {
    try {
      await this.#listen();
    } catch (error) {
      this.close();
      throw error;
    }
    void this.#keep();
  }

  close(): void {
    this.#end.abort();
    this.#client?.disconnect();
    this.#client = undefined;
  }

  async #listen(): Promise<void> {
    const { open, channel, timeoutMs, onChange } = this.#options;
    const client = await open();
    try {
      await within(timeoutMs, client.subscribe(channel), `Redis did not subscribe in ${timeoutMs} ms`);
    } catch (error) {
      client.disconnect();
      throw error;
    }
    if (this.#end.signal.aborted) return client.disconnect();
    this.#client = client;
    client.on('message', () => {
      if (client === this.#client) onChange();
    });
  }

  async #keep(): Promise<void> {
    const { timeoutMs, random, onChange } = this.#options;
    for (;;) {
      await this.#wait(this.#client ? timeoutMs * PING_EVERY : timeoutMs * (0.5 + random() / 2));
      if (this.#end.signal.aborted) return;
      try {
        if (this.#client) await within(timeoutMs, this.#client.ping(), 'no answer');
        else {
          await this.#listen();
          onChange();
        }
      } catch {
        this.#client?.disconnect();
        this.#client = undefined;
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#end;
    const ended = new AbortController();
    const client = this.#client;
    const onClose = (): void => ended.abort();
    client?.on('close', onClose);
    await pause(ms, undefined, { signal: AbortSignal.any([signal, ended.signal]) }).catch(() => undefined);
    client?.off('close', onClose);
  }
}
