import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { until } from '../src/registry.conformance.js';

/** Where `redis-server` is; undefined where there is none. */
export const redisBinary = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'redis-server'))
  .find((path) => existsSync(path));

/** In the place of the tests: a failure in CI, a word elsewhere. */
export function withoutRedis(): void {
  const reason = 'redis-server is not on the PATH: the Redis registry is not tested against a real server';
  test('a real Redis server is there', () => {
    if (process.env['CI']) throw new Error(reason);
    process.stderr.write(`SKIPPED: ${reason}\n`);
  });
}

export const standalone = (port: number): string[] => {
  return ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
};

/** A `redis-server` process of this test's, on a free port of 127.0.0.1; also a Sentinel or a node of a Redis Cluster. */
export class RedisServer {
  #child: ChildProcess | undefined;

  private constructor(
    readonly path: string,
    readonly port: number,
    readonly args: readonly string[],
  ) {}

  static async start(path: string, args = standalone): Promise<RedisServer> {
    const port = await freePort();
    const server = new RedisServer(path, port, args(port));
    await server.#spawn();
    return server;
  }

  url(credentials = ''): string {
    return `redis://${credentials}127.0.0.1:${this.port}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.#spawn();
  }

  async stop(): Promise<void> {
    if (!this.#child) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
    this.#child = undefined;
  }

  async #spawn(): Promise<void> {
    const child = spawn(this.path, this.args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(() => /Ready to accept connections|Sentinel ID is/.test(output));
    output = '';
    child.stdout!.removeAllListeners('data').resume();
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
