import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { FileRegistry } from '@dcs/cluster-membership';
import { call } from '../test/test-cluster.js';
import { type HostProcess, run } from './run.js';

class FakeProcess extends EventEmitter implements HostProcess {
  readonly stdout = new PassThrough({ highWaterMark: 2 ** 20 });
  readonly stderr = new PassThrough();
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
    this.emit('exited');
  }

  get lines(): { msg: string; port?: number; app?: string }[] {
    const text = String(this.stdout.read() ?? '');
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { msg: string }); // prettier-ignore
  }

  get errors(): string {
    return String(this.stderr.read() ?? '');
  }
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dcs-master-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const environment = (more: Record<string, string> = {}) => ({ DCS_REGISTRY: `file:${directory}`, ...more });

test('a wrong configuration: a line per problem, exit code 78, nothing listens', async () => {
  const host = new FakeProcess();
  await run(host, environment({ DCS_HTTP_PORT: 'x', DCS_NONSENSE: '1' }));
  expect(host.exits).toEqual([78]);
  expect(host.errors.trim().split('\n')).toEqual([
    'DCS_NONSENSE: got "1", expected no such variable',
    'DCS_HTTP_PORT: got "x", expected an integer from 0 to 65535',
  ]);
  expect(host.lines).toEqual([]);
});

test('a registry URL that is none: exit code 78, without its password', async () => {
  const host = new FakeProcess();
  await run(host, { DCS_REGISTRY: 'redis://user:hunter2@h:99999' });
  expect(host.exits).toEqual([78]);
  const errors = host.errors;
  expect(errors).toMatch(/^DCS_REGISTRY: /);
  expect(errors).not.toContain('hunter2');
});

test('a node beside which it cannot run: one line that says what to do, exit code 78', async () => {
  const registry = new FileRegistry({ directory });
  const settings = { replicas: 2, placement: 2, protocol: { min: 1, max: 2 } };
  const member = { id: 'aux-9', incarnation: 1, host: 'h', dataPort: 1, httpPort: 2, weight: 1, zone: '', state: 'up', settings } as const; // prettier-ignore
  await registry.heartbeat('another', { member, leaseMs: 60_000 });
  const host = new FakeProcess();
  const exited = once(host, 'exited');
  await run(host, environment({ DCS_HTTP_PORT: '0', DCS_CLUSTER: 'another' }));
  await exited;
  expect(host.exits).toEqual([78]);
  expect(host.errors).toMatch(/^cannot start: aux-9 places slots by rule 2, this process by rule 1.*Make a backup/);
  await registry.close();
  host.emit('SIGTERM', 'SIGTERM'); // a real process would be gone
  await once(host, 'exited');
});

test('SIGHUP reads the files of tokens and secrets again; what cannot be read changes nothing', async () => {
  const host = new FakeProcess();
  const file = join(directory, 'tokens');
  const tokenWorks = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await call(port!, 'GET', '/cluster', { headers })).status === 200;
  };
  await writeFile(file, 'ann:first-token:read\n');
  await run(host, environment({ DCS_HTTP_PORT: '0', DCS_API_TOKENS_FILE: file }));
  const { port } = host.lines.find(({ msg }) => msg === 'listening')!;
  expect([await tokenWorks('first-token'), await tokenWorks('second-token')]).toEqual([true, false]);
  await writeFile(file, 'ann:second-token:read\n');
  host.emit('SIGHUP', 'SIGHUP');
  expect([await tokenWorks('first-token'), await tokenWorks('second-token')]).toEqual([false, true]);
  await writeFile(file, 'nonsense');
  host.emit('SIGHUP', 'SIGHUP');
  expect(await tokenWorks('second-token')).toBe(true);
  const exited = once(host, 'exited');
  host.emit('SIGTERM', 'SIGTERM');
  await exited;
});

test('a port in use: one line, exit code 1, nothing left running', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const host = new FakeProcess();
  await run(host, environment({ DCS_HTTP_PORT: String(port) }));
  other.close();
  expect(host.exits).toEqual([1]);
  expect(host.errors).toBe(`DCS_HOST, DCS_HTTP_PORT: cannot listen on 127.0.0.1:${port} (EADDRINUSE)\n`);
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops it: exit code 0', async (signal) => {
  const host = new FakeProcess();
  await run(host, environment({ DCS_HTTP_PORT: '0' }));
  const { port } = host.lines.find(({ msg }) => msg === 'listening')!;
  expect((await call(port!, 'GET', '/health')).status).toBe(200);
  const exited = once(host, 'exited');
  host.emit(signal, signal);
  await exited;
  expect(host.exits).toEqual([0]);
  expect(host.lines.at(-1)).toMatchObject({ app: 'master', msg: 'stopped' });
  await expect(call(port!, 'GET', '/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
