import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../child-process.js';
import { CLUSTER_SECRET, plainEnvironment, temporaryDirectory } from '../cluster.js';
import { eventually } from '../eventually.js';
import { call } from '../http.js';
import { parseExposition, sumOf } from '../prometheus-text.js';
import { answers, freePort, Program } from '../system/program.js';
import { viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { describeWith, programPath } from './prerequisite.js';
import { previousRelease, whyNoPreviousRelease } from './previous-release.js';
import { RedisServer } from './redis-server.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const AUX = ['aux-1', 'aux-2', 'aux-3'];
const MASTERS = ['master-1', 'master-2'];
const READY_MS = 60_000;
const STOP_MS = 40_000;

interface Running {
  readonly program: Program;
  readonly release: string;
}

const missing =
  whyNoPreviousRelease() ?? (programPath('redis-server') === undefined ? 'no redis-server on this machine' : undefined);

describeWith(missing, () => {
  let directory: string;
  let redis: RedisServer;
  let fill: Fill;
  let old: string;
  const running = new Map<string, Running>();
  const ports = new Map<string, { readonly http: number; readonly data: number }>();
  const urls = (): string[] => MASTERS.map((name) => `http://127.0.0.1:${ports.get(name)!.http}`);

  beforeAll(async () => {
    old = previousRelease();
    directory = await temporaryDirectory();
    redis = await RedisServer.start();
    for (const folder of ['disk', 'backup']) await mkdir(join(directory, folder));
    for (const name of [...AUX, ...MASTERS]) ports.set(name, { http: await freePort(), data: await freePort() });
    await Promise.all(AUX.map((name) => start(name, old)));
    for (const name of MASTERS) await start(name, old);
    fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
    await fill.store();
  }, 180_000);

  afterAll(async () => {
    await Promise.all([...running.values()].map(({ program }) => program.close().catch(() => undefined)));
    await redis?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  async function start(name: string, release: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const app = name.split('-')[0]!;
    const { http, data } = ports.get(name)!;
    const program = new Program(process.execPath, [join(release, 'apps', app, 'dist/main.js')], {
      env: {
        ...(plainEnvironment() as Record<string, string>),
        ...{ DCS_ID: name, DCS_REGISTRY: redis.url, DCS_CLUSTER_SECRET: CLUSTER_SECRET, DCS_HTTP_PORT: String(http) },
        ...(app === 'aux' && {
          ...{ DCS_DATA_PORT: String(data), DCS_DATA_DIR: join(directory, 'disk') },
          ...{ DCS_BACKUP_DIR: join(directory, 'backup'), DCS_BACKUP_INTERVAL: '0', DCS_SHUTDOWN_TIMEOUT_MS: '30000' },
        }),
        ...env,
      },
    });
    running.set(name, { program, release });
    await answers(`http://127.0.0.1:${http}/health/ready`, READY_MS).catch((error: Error) => {
      throw new Error(`${name}: ${error.message}\n${program.stdout.slice(-2000)}\n${program.stderr}`);
    });
  }

  async function stop(name: string): Promise<void> {
    const { program } = running.get(name)!;
    program.signal('SIGTERM');
    await program.finished(STOP_MS);
  }

  /** One process after the other, each ready before the next goes. */
  async function roll(release: string, env: Readonly<Record<string, string>>): Promise<void> {
    for (const name of [...AUX, ...MASTERS]) {
      await stop(name);
      await start(name, release, env);
    }
  }

  const spoken = async (): Promise<unknown[]> => {
    const { nodes } = await viewOf(urls()[0]!);
    return nodes.map((node) => (node as { settings?: { protocol: unknown } }).settings?.protocol);
  };

  /** s since the Unix epoch; 0 before the first. */
  const lastBackup = async (name: string): Promise<number> => {
    const { text } = await call(`http://127.0.0.1:${ports.get(name)!.http}`, '/metrics');
    return sumOf(parseExposition(text), 'dcs_backup_last_success_timestamp_seconds', {});
  };

  test('a rolling upgrade from the release before, and back', async () => {
    const upgrade = { DCS_ALLOW_PROTOCOL_1: 'true' };
    const fault = 'rolling upgrade of every process from the release before, and back';
    await underLoad({ fault, prefix: 'upgrade', urls: urls(), retries: 5, upAtEnd: AUX }, async () => {
      const began = performance.now();
      await roll(ROOT, upgrade);
      const forth = performance.now() - began;
      expect(await spoken()).toEqual(AUX.map(() => ({ min: 1, max: 2 })));
      await roll(old, {});
      const back = performance.now() - began - forth;
      await roll(ROOT, upgrade);
      return { 'forth, for five processes': seconds(forth), 'and back': seconds(back) };
    });
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });

  test('a new process does not start beside old ones unless it may speak their protocol, and says so', async () => {
    await roll(old, {});
    await stop('aux-1');
    const failed = await start('aux-1', ROOT).catch((error: Error) => error.message);
    expect(failed).toContain('cannot start: aux-2 speaks protocol version 1, this process version 2. Set DCS_ALLOW_PROTOCOL_1=true'); // prettier-ignore
    expect((await running.get('aux-1')!.program.finished(STOP_MS)).code).toBe(78);
    await start('aux-1', old);
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });

  test('disks of the release before are read by this one, which then speaks its own protocol only', async () => {
    for (const name of [...MASTERS, ...AUX]) await stop(name);
    await Promise.all(AUX.map((name) => start(name, ROOT)));
    for (const name of MASTERS) await start(name, ROOT);
    expect(await spoken()).toEqual(AUX.map(() => ({ min: 2, max: 2 })));
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });

  test('backups of the release before are restored by this one', async () => {
    for (const name of [...MASTERS, ...AUX]) await stop(name);
    await Promise.all(AUX.map((name) => start(name, old)));
    for (const name of MASTERS) await start(name, old);
    expect((await call(urls()[0]!, '/cluster/backup', { method: 'POST' })).status).toBe(202);
    await eventually(
      async () => {
        for (const name of AUX) {
          expect(await lastBackup(name)).toBeGreaterThan(0);
        }
      },
      { timeoutMs: READY_MS },
    );
    for (const name of [...MASTERS, ...AUX]) await stop(name);
    await rm(join(directory, 'disk'), { recursive: true });
    await mkdir(join(directory, 'disk'));
    await Promise.all(AUX.map((name) => start(name, ROOT)));
    for (const name of MASTERS) await start(name, ROOT);
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });
});
