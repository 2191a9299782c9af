import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 10_000;

export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** Why there is no comparison with Redis on this machine; `undefined` when there is. */
export function redisUnavailable(): string | undefined {
  const missing = ['redis-server', 'redis-benchmark'].filter(
    (name) => spawnSync(name, ['--version']).error !== undefined,
  );
  return missing.length === 0
    ? undefined
    : `${missing.join(' and ')} not installed (Debian: redis-server, redis-tools)`;
}

export function redisVersion(): string {
  return /v=([\d.]+)/.exec(spawnSync('redis-server', ['--version']).stdout.toString())?.[1] ?? '';
}

/**
 * Starts a `redis-server` on a free port of loopback, without snapshots; resolves when it listens.
 * @param appendFsync when it syncs its append-only file; `undefined`: it has none
 */
export async function startRedis(directory: string, appendFsync?: 'everysec'): Promise<RedisServer> {
  const port = await freePort();
  const log = appendFsync === undefined ? ['no'] : ['yes', '--appendfsync', appendFsync];
  const redis = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory, '--appendonly', ...log],
    { stdio: 'ignore' },
  );
  const stop = async (): Promise<void> => {
    redis.kill();
    if (redis.exitCode === null) await once(redis, 'exit');
  };
  try {
    await listening(port);
    return { port, pid: redis.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(port: number): Promise<void> {
  for (const end = Date.now() + START_TIMEOUT_MS; ; await sleep(20)) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    } finally {
      socket.destroy();
    }
  }
}
