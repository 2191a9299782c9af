import { type ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';

/**
 * What the registry needs of a Redis client. Structural, so that a client of any copy or version of `ioredis` fits,
 * a `Redis` as well as a `Cluster`.
 */
export interface RedisClient {
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  evalsha(sha1: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  /** A client of the same kind for the same server, for subscriptions. */
  duplicate(): RedisClient;
  /** Of a client that was told to connect late. */
  connect?(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
  off(event: string, listener: (...values: unknown[]) => void): unknown;
  /** `ready` when commands can be sent; a client that shows none is taken to be ready. */
  readonly status?: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How to talk to one server, whatever its address. */
export interface ServerAccess {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: ConnectionOptions;
}

/** After a disconnect a socket that the other side does not close is destroyed, ms. */
const DISCONNECT_MS = 100;

/**
 * A connection that is used once: it never reconnects by itself, queues nothing, and is ready or closed within
 * `timeoutMs`. Whoever uses it decides when and where to the next one goes. Rejects when it does not become ready.
 */
export async function openClient(
  address: Address,
  access: ServerAccess,
  timeoutMs: number,
  onError: (error: Error) => void,
): Promise<Redis> {
  const client = new Redis({
    ...address,
    ...access,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    disconnectTimeout: DISCONNECT_MS,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
    retryStrategy: () => null,
  });
  let lastError: Error | undefined;
  client.on('error', (error: Error) => {
    lastError = error;
    onError(error);
  });
  try {
    await within(timeoutMs, client.connect(), `no ready connection to ${shown(address)} in ${timeoutMs} ms`);
    return client;
  } catch (error) {
    client.disconnect();
    throw lastError ?? error;
  }
}

/** Settles with the promise, or rejects after so many milliseconds; what comes later is dropped. */
export async function within<T>(ms: number, promise: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  promise.catch(() => undefined); // may reject after the time is over
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

export function shown({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
