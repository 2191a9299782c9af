import { MemoryRegistry, type Registry } from '@dcs/cluster-membership';
import { slotOfBinary } from '@dcs/consistent-hash';
import {
  ALWAYS,
  encodeDelete,
  encodeGet,
  encodeSet,
  plainHello,
  HybridClock,
  KIND_STRING,
  type WriteContext,
} from '@dcs/protocol';
import { RespClient, type RespValue } from '@dcs/resp';
import { pino } from 'pino';
import { AuxServer, type AuxServerOptions } from '../src/aux-server.js';
import type { AuxConfig } from '../src/config/config.js';
import { isTombstone, valueOf } from '../src/node/entry.js';
import type { ReplicationTuning } from '../src/replication/replication.js';

const TUNING: ReplicationTuning = { releaseGraceMs: 200 };

const CONFIG = {
  ...TUNING,
  cluster: 'test',
  host: '127.0.0.1',
  advertiseHost: '127.0.0.1',
  dataPort: 0,
  httpPort: 0,
  replicas: 2,
  weight: 1,
  zone: '',
  heartbeatMs: 200,
  leaseMs: 1500,
  maxEntries: 100_000,
  maxBytes: 64 * 2 ** 20,
  maxValueBytes: 2 ** 20,
  maxConnections: 100,
  tombstoneRetentionMs: 60_000,
  shutdownTimeoutMs: 5000,
  secrets: [],
  tokens: [],
  closedToStrangers: false,
  allowsProtocol1: false,
};
const TIMEOUT_MS = 20_000;

export interface SetOptions {
  readonly expiresAt?: number;
  /** @defaultValue the primary */
  readonly to?: AuxServer;
  /** @defaultValue a first attempt */
  readonly context?: WriteContext;
}

export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not come to hold: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Cache nodes on loopback with one registry, and a client for each. */
export class SeveralNodes {
  readonly registry = new MemoryRegistry();
  readonly clock = new HybridClock({ now: Date.now, origin: 7 });
  nodes: AuxServer[] = [];
  readonly #clients = new Map<AuxServer, RespClient>();

  async start(
    id: string,
    options: Partial<AuxServerOptions> = {},
    config: Readonly<Record<string, unknown>> = {},
    prepare?: (server: AuxServer) => void,
  ): Promise<AuxServer> {
    const server = new AuxServer({
      config: { ...CONFIG, ...config, id } as unknown as AuxConfig,
      registry: borrowed(this.registry),
      log: pino({ level: 'silent' }),
      version: '0',
      onDrain: () => undefined,
      onFatal: (error) => {
        throw error;
      },
      ...options,
    });
    this.nodes.push(server);
    prepare?.(server);
    await server.start(1);
    return server;
  }

  /** Starts them and waits until they are {@link inSync}. */
  async startAll(ids: readonly string[], config: Readonly<Record<string, unknown>> = {}): Promise<AuxServer[]> {
    const started: AuxServer[] = [];
    for (const id of ids) started.push(await this.start(id, {}, config));
    await this.inSync();
    return started;
  }

  /** As kill -9 does: no goodbye. */
  async crash(server: AuxServer): Promise<void> {
    this.nodes = this.nodes.filter((each) => each !== server);
    await this.#clients.get(server)?.close();
    await server.membership?.close();
    await server.node.close();
    await server.data.close(0);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
    await Promise.all(this.nodes.map((node) => this.crash(node)));
    await this.registry.close();
  }

  /** All have the same view, and are ready. */
  async inSync(): Promise<void> {
    await eventually(() => {
      const epochs = new Set(this.nodes.map(({ node }) => node.ownership.epoch));
      return epochs.size === 1 && this.nodes.every((node) => node.unreadyReason() === undefined);
    });
  }

  primaryOf(key: string): AuxServer {
    return this.nodes.find(({ node }) => node.ownership.table.primaryOf(slotOfBinary(key)) === node.id)!;
  }

  ownersOf(key: string): AuxServer[] {
    const owners = this.nodes[0]!.node.ownership.table.ownersOf(slotOfBinary(key));
    return owners.map((id) => this.nodes.find(({ node }) => node.id === id)!);
  }

  /** A node that does not own the key. */
  strangerTo(key: string): AuxServer {
    const owners = this.ownersOf(key);
    return this.nodes.find((node) => !owners.includes(node))!;
  }

  async request(server: AuxServer, encoded: string): Promise<RespValue> {
    let client = this.#clients.get(server);
    if (client === undefined) {
      const address = { host: '127.0.0.1', port: server.data.port };
      client = new RespClient(address, {
        bulk: 'binary',
        handshake: [plainHello('master', 'm')],
        requestTimeoutMs: 5000,
      });
      this.#clients.set(server, client);
    }
    return new Promise((resolve, reject) => {
      client.send(encoded, (error, reply) => (error === null ? resolve(reply) : reject(error)));
    });
  }

  /** A first attempt. */
  write(): WriteContext {
    return { epoch: this.nodes[0]!.node.ownership.epoch, stamp: this.clock.next(), attempt: 1 };
  }

  set(
    key: string,
    value: string,
    { expiresAt = 0, to = this.primaryOf(key), context = this.write() }: SetOptions = {},
  ): Promise<RespValue> {
    return this.request(to, encodeSet(context, ALWAYS, expiresAt, KIND_STRING, key, value));
  }

  delete(key: string): Promise<RespValue> {
    return this.request(this.primaryOf(key), encodeDelete(this.write(), ALWAYS, key));
  }

  /** Rejects when the node cannot say. */
  async get(key: string, from = this.primaryOf(key)): Promise<string | undefined> {
    const reply = await this.request(from, encodeGet(from.node.ownership.epoch, key));
    return reply === null ? undefined : ((reply as string[])[1] as string);
  }

  stored(server: AuxServer, key: string): string | undefined {
    const entry = server.node.store.lookup(key);
    return entry === undefined || isTombstone(entry) ? undefined : valueOf(entry);
  }
}

/** Ends with its process: the registry of the others goes on. */
function borrowed(registry: Registry): Registry {
  return {
    heartbeat: (...args) => registry.heartbeat(...args),
    remove: (...args) => registry.remove(...args),
    read: (...args) => registry.read(...args),
    subscribe: (...args) => registry.subscribe(...args),
    close: async () => undefined,
  };
}
