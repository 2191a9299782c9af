import { request } from 'node:http';
import { ClusterMembership, MemoryRegistry } from '@dcs/cluster-membership';
import { type Logger, pino } from 'pino';
import { type Application, createApplication } from '../src/application.js';
import { loadConfig } from '../src/config/load-config.js';
import { Gateway } from '../src/gateway.js';
import { FakeAux } from './fake-aux.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  json(): Record<string, unknown>;
}

export interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** A request whose path goes out as it is given: `fetch` would change `..`. */
export function call(port: number, method: string, path: string, options: CallOptions = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { headers = {}, body } = options;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request(
      { port, host: '127.0.0.1', method, path, headers: { ...length, ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: bytes,
            text,
            json: () => JSON.parse(text) as Record<string, unknown>,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export const JSON_BODY = { 'content-type': 'application/json' };

/** A gateway on a real port, with fake nodes behind it. */
export class TestCluster {
  readonly #memberships: ClusterMembership[] = [];

  private constructor(
    readonly gateway: Gateway,
    readonly application: Application,
    readonly nodes: FakeAux[],
    readonly registry: MemoryRegistry,
    readonly port: number,
  ) {}

  static async start(
    nodeCount = 2,
    environment: Record<string, string> = {},
    log: Logger = pino({ level: 'silent' }),
    heapLimitBytes?: number,
  ): Promise<TestCluster> {
    const registry = new MemoryRegistry();
    const secrets = [environment['DCS_CLUSTER_SECRET'] ?? []].flat();
    const nodes = Array.from({ length: nodeCount }, (_, i) => new FakeAux(`aux-${i}`, secrets));
    const members = await Promise.all(
      nodes.map(async (node, i) => {
        const dataPort = await node.listen();
        const { settings } = node;
        const self = { id: `aux-${i}`, host: '127.0.0.1', dataPort, httpPort: 0, state: 'up' as const, settings };
        const membership = new ClusterMembership({ cluster: 'dcs', registry, self, refreshIntervalMs: 0 });
        await membership.join();
        return membership;
      }),
    );
    const config = loadConfig({
      DCS_HTTP_PORT: '0',
      DCS_REQUEST_TIMEOUT_MS: '5000', // a busy machine is no failure
      DCS_OPERATION_TIMEOUT_MS: '10000',
      DCS_SHUTDOWN_TIMEOUT_MS: '2000',
      DCS_REPLICAS: '1', // the fake nodes do not share what they store
      ...environment,
    });
    const gateway = new Gateway({ config, log, registry, ...(heapLimitBytes && { heapLimitBytes }) });
    const application = await createApplication(gateway);
    gateway.start();
    const port = await application.listen();
    const cluster = new TestCluster(gateway, application, nodes, registry, port);
    cluster.#memberships.push(...members);
    if (nodeCount > 0) await until(() => gateway.plane.topology.nodes.length === nodeCount && gateway.plane.topology.nodes.every(({ connection }) => connection.connected)); // prettier-ignore
    return cluster;
  }

  call(method: string, path: string, options?: CallOptions): Promise<HttpAnswer> {
    return call(this.port, method, path, options);
  }

  post(path: string, value: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.call('POST', path, { headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(value) });
  }

  get(key: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.call('GET', `/data/${encodeURIComponent(key)}`, { headers });
  }

  /** The node that owns a key. */
  owner(key: string): FakeAux {
    const { plane } = this.gateway;
    return this.nodes[Number(plane.locate(key).owners[0]!.slice('aux-'.length))]!;
  }

  async close(): Promise<void> {
    await this.application.close();
    await Promise.all(this.#memberships.map((membership) => membership.close()));
    await Promise.all(this.nodes.map((node) => node.close()));
  }
}

export async function until(holds: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
