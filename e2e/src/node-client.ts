import { Redis, type RedisOptions } from 'ioredis';
import { type Cluster } from './cluster.js';
import { call } from './http.js';

/** Runs `work` with a Redis client of one node and closes it. */
export async function withNode<T>(
  node: { readonly host: string; readonly dataPort: number },
  work: (client: Redis) => Promise<T>,
  options: RedisOptions = {},
): Promise<T> {
  const client = new Redis({
    host: node.host,
    port: node.dataPort,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 0,
    ...options,
  });
  client.on('error', () => undefined); // the command or connect() rejects with it
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

export interface KeyPlace {
  readonly key: string;
  readonly slot: number;
  /** Ids of nodes, the primary first. */
  readonly owners: readonly string[];
}

export async function placeOf(url: string, key: string): Promise<KeyPlace> {
  return (await call(url, `/cluster/keys/${encodeURIComponent(key)}`)).json<KeyPlace>();
}

/** The running node that is first in line for `key`, as `GET /cluster/keys/{key}` says. */
export async function primaryOf(cluster: Cluster, url: string, key: string): Promise<Cluster['aux'][number]> {
  const { owners } = await placeOf(url, key);
  const node = cluster.aux.find(({ name }) => name === owners[0]);
  if (node === undefined) throw new Error(`no node ${owners[0]} among ${cluster.aux.map(({ name }) => name)}`);
  return node;
}
