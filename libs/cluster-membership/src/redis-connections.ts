import type { ConnectionOptions } from 'node:tls';
import type { RedisClient, ServerAccess } from './redis-client.js';
import { within } from './redis-client.js';
import { RedisLink, type RedisLinkOptions } from './redis-link.js';
import { FixedPrimary, type PrimaryLocator, VotedPrimary } from './redis-primary.js';
import { parseRedisUrl } from './redis-url.js';

/** Where a registry's connections come from. */
export interface RedisConnections {
  /** A client that can be asked now. May take longer than the caller wants to wait. */
  client(cluster: string): Promise<RedisClient>;
  /** A client for subscriptions; the caller closes it. */
  another(cluster: string): Promise<RedisClient>;
  /** This client's answer was late, or came from a server that is not the primary. */
  drop(cluster: string, client: RedisClient): void;
  close(): void;
}

/** A client of the caller's: it lives and reconnects as the caller set it up. */
export class GivenClient implements RedisConnections {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;

  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  async client(): Promise<RedisClient> {
    await this.#ready(this.#client);
    return this.#client;
  }

  async another(): Promise<RedisClient> {
    const client = this.#client.duplicate();
    client.on('error', () => undefined); // each failure rejects a call
    try {
      await this.#ready(client);
    } catch (error) {
      client.disconnect();
      throw error;
    }
    return client;
  }

  drop(): void {
    // the caller's to mend: see `reconnectOnError` of ioredis
  }

  close(): void {
    // the caller's to close
  }

  /** A call that comes while the client connects waits, where the caller's client has no queue of its own. */
  async #ready(client: RedisClient): Promise<void> {
    const { status = 'ready' } = client;
    if (status === 'ready') return;
    if (status === 'wait') client.connect?.().catch(() => undefined); // the error event tells
    if (status === 'end') throw new Error('the connection was ended');
    let settle: { done: () => void; fail: (error: Error) => void };
    const ready = new Promise<void>((done, fail) => (settle = { done, fail }));
    const listeners = {
      ready: () => settle.done(),
      error: (error: unknown) => settle.fail(error as Error),
      close: () => settle.fail(new Error('the connection was closed')),
      end: () => settle.fail(new Error('the connection was ended')),
    };
    for (const [event, listener] of Object.entries(listeners)) client.on(event, listener);
    try {
      await within(this.#timeoutMs, ready, `not connected in ${this.#timeoutMs} ms`);
    } finally {
      for (const [event, listener] of Object.entries(listeners)) client.off(event, listener);
    }
  }
}

export interface RedisSecrets {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  readonly tls?: ConnectionOptions | undefined;
}

/** Connections that this package makes, and gives up rather than mends (see `RedisLink`). */
export class OwnConnections implements RedisConnections {
  readonly #locator: PrimaryLocator;
  readonly #access: ServerAccess;
  readonly #rest: Pick<RedisLinkOptions, 'timeoutMs' | 'random' | 'log'>;
  readonly #links = new Map<string, RedisLink>();
  #closed = false;

  constructor(url: string, secrets: RedisSecrets, rest: Pick<RedisLinkOptions, 'timeoutMs' | 'random' | 'log'>) {
    const target = parseRedisUrl(url);
    const { username = target.username, password = target.password, sentinelPassword } = secrets;
    const tls = target.tls ? { tls: secrets.tls ?? {} } : {};
    const user = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
    this.#access = { ...user, ...tls, ...(target.db !== undefined && { db: target.db }) };
    this.#rest = rest;
    const sentinel = { ...(sentinelPassword !== undefined && { password: sentinelPassword }), ...tls };
    const { kind, addresses, masterName } = target;
    if (kind === 'single') this.#locator = new FixedPrimary(addresses[0]!);
    else if (kind === 'cluster') this.#locator = VotedPrimary.byClusterNodes(addresses, this.#access);
    else this.#locator = VotedPrimary.bySentinels(addresses, masterName!, sentinel);
  }

  client(cluster: string): Promise<RedisClient> {
    return this.#link(cluster).client();
  }

  another(cluster: string): Promise<RedisClient> {
    return this.#link(cluster).another();
  }

  drop(cluster: string, client: RedisClient): void {
    this.#link(cluster).drop(client);
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    this.#locator.close();
  }

  #link(cluster: string): RedisLink {
    const key = this.#locator.isSharded ? `{${cluster}}` : '';
    let link = this.#links.get(key);
    if (!link) {
      link = new RedisLink({ locator: this.#locator, access: this.#access, key, ...this.#rest });
      if (this.#closed) link.close();
      this.#links.set(key, link);
    }
    return link;
  }
}
