import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { store, read } from '../data-api.js';
import { eventually } from '../eventually.js';
import { call } from '../http.js';
import { expectProblem } from '../problem.js';
import { ComposeSystem, TOKEN } from './compose-system.js';
import { composeCommand } from './container-engine.js';
import { Load } from './load.js';

const UP_TIMEOUT_MS = 900_000;
const DOWN_TIMEOUT_MS = 120_000;
const UNDER_LOAD_TIMEOUT_MS = 240_000;
const MIB = 2 ** 20;
const KEYS = 1000;

const system = new ComposeSystem();
const asCaller = { token: TOKEN };
const write = (key: string, value: unknown) => call(system.url, '/data', { json: { key, value }, token: TOKEN });

// Needs a container engine: one that runs, or one that may be started.
(composeCommand() === undefined ? describe.skip : describe)('the system of docker-compose.yml', () => {
  beforeAll(() => system.up(), UP_TIMEOUT_MS);
  afterAll(() => system.close(), DOWN_TIMEOUT_MS);

  test('stores and reads through Nginx, and asks for a token', async () => {
    expect((await write('a key', { nested: ['value'] })).status).toBe(200);
    const answer = await read(system.url, 'a key', asCaller);
    expect(answer.json()).toMatchObject({ key: 'a key', value: { nested: ['value'] } });
    expectProblem(await read(system.url, 'a key'), 401, 'ERR_UNAUTHORIZED');
    expectProblem(await store(system.url, 'a key', 1), 401, 'ERR_UNAUTHORIZED');
  });

  test('spreads the slots over all aux, each with two owners', async () => {
    interface View {
      readonly nodes: readonly { readonly slots: { readonly primary: number; readonly replica: number } }[];
    }
    const { nodes } = (await call(system.url, '/cluster', asCaller)).json<View>();
    expect(nodes).toHaveLength(3);
    expect(nodes.reduce((sum, { slots }) => sum + slots.primary + slots.replica, 0)).toBe(2 * 16_384);
  });

  test('keeps metrics and the calls of operators inside', async () => {
    for (const [method, path] of [
      ['GET', '/metrics'],
      ['POST', '/cluster/nodes/x/drain'],
      ['POST', '/cluster/backup'],
    ] as const) {
      // prettier-ignore
      expectProblem(await call(system.url, path, { method, ...asCaller }), 404, 'ERR_NOT_FOUND');
    }
  });

  test('is watched by Prometheus, every target of it', async () => {
    await eventually(async () => expect(await targets()).toEqual(['aux up', 'aux up', 'aux up', 'master up', 'master up']), { timeoutMs: 30_000 }); // prettier-ignore
    const { data } = (await call(system.prometheusUrl, '/api/v1/rules')).json<{ data: { groups: unknown[] } }>();
    expect(data.groups.length).toBeGreaterThanOrEqual(4);
  });

  test('runs without root, without capabilities, on file systems that cannot be written', async () => {
    const containers = await system.containers();
    expect(new Set(containers.map(({ service }) => service)).size).toBe(5);
    for (const { id, service, readOnly, capDrop, securityOptions, memory } of containers) {
      expect({ service, readOnly, capDrop, memory: memory > 0 }).toEqual({
        service,
        readOnly: true,
        capDrop: ['ALL'],
        memory: true,
      });
      expect(securityOptions).toContain('no-new-privileges:true');
      const probe =
        'id -u; grep CapEff /proc/1/status; touch /here /app/here /etc/here 2>/dev/null && echo wrote; true';
      const { stdout } = await system.docker('exec', id, 'sh', '-c', probe);
      expect([service, stdout]).toEqual([service, expect.stringMatching(/^[1-9]\d*\nCapEff:\s+0+\n$/)]);
    }
  });

  test('publishes Nginx and Prometheus, on loopback, and nothing else', async () => {
    const published = (await system.containers()).flatMap(({ service, published }) =>
      published.map((address) => `${service} ${address}`),
    );
    const own = (url: string) => new URL(url).host;
    expect(published.sort()).toEqual([`nginx ${own(system.url)}`, `prometheus ${own(system.prometheusUrl)}`]);
    const outward = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of outward) {
      const { port } = new URL(system.url);
      await expect(call(`http://${address}:${port}`, '/health', { timeoutMs: 2000 })).rejects.toThrow();
    }
  });

  test('cannot be reached from another network of the host', async () => {
    const inside = (await system.containers()).filter(({ service }) => ['aux', 'master', 'redis'].includes(service));
    const targets = inside.flatMap(({ addresses }) =>
      addresses.flatMap((address) => [6379, 7000, 7080, 8080].map((port) => [port, address])),
    );
    const script = `Promise.all(${JSON.stringify(targets)}.map(([port, host]) => new Promise((resolve) => {
      const socket = require('node:net').connect({ port, host, timeout: 2000 });
      socket.on('connect', () => resolve(host + ':' + port)).on('error', () => resolve()).on('timeout', () => resolve());
    }))).then((all) => { console.log(JSON.stringify(all.filter(Boolean))); process.exit(); });`;
    const { stdout } = await system.docker('run', '--rm', 'dcs-aux', 'node', '-e', script);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  test('is made of images that hold what runs and nothing else', async () => {
    const size = async (image: string) =>
      Number((await system.docker('image', 'inspect', '-f', '{{.Size}}', image)).stdout);
    const base = await size('node:24-bookworm-slim');
    for (const image of ['dcs-master', 'dcs-aux']) {
      const find =
        'find /app -name "*.ts" -o -name "*.spec.*" -o -name "*.map" -o -name typescript -o -name nx -o -name jest';
      expect((await system.docker('run', '--rm', image, 'sh', '-c', find)).stdout).toBe('');
      expect((await size(image)) - base).toBeLessThan(64 * MIB);
      process.stdout.write(`${image}: ${Math.round(((await size(image)) - base) / MIB)} MiB above its base image\n`);
    }
  });

  test(
    'scales aux 3 -> 5 -> 3 and master 2 -> 3 -> 2 under load: no failed request, no lost key',
    async () => {
      const load = new Load(system.url, TOKEN, 'scale');
      await system.scale({ master: 3, aux: 5 });
      await eventually(async () => expect(await targets()).toHaveLength(8), { timeoutMs: 30_000 });
      await system.scale({ master: 2, aux: 3 });
      const { succeeded, failed, lost } = await load.stop();
      expect({ failed, lost }).toEqual({ failed: [], lost: [] });
      expect(succeeded).toBeGreaterThan(500);
    },
    UNDER_LOAD_TIMEOUT_MS,
  );

  test(
    'loses an aux, then a master, under load: no failed request, no lost key',
    async () => {
      const load = new Load(system.url, TOKEN, 'kill');
      await sleep(2000);
      await system.kill('aux');
      await sleep(6000); // longer than the lease: the survivors have made new copies
      await system.kill('master');
      await sleep(3000);
      await system.scale({ master: 2, aux: 3 });
      const { succeeded, failed, lost } = await load.stop();
      expect({ failed, lost }).toEqual({ failed: [], lost: [] });
      expect(succeeded).toBeGreaterThan(500);
    },
    UNDER_LOAD_TIMEOUT_MS,
  );

  test(
    'is upgraded, container by container, under load: no failed request, no lost key',
    async () => {
      const replaceable = async () =>
        (await system.containers())
          .filter(({ service }) => service === 'aux' || service === 'master')
          .map(({ id }) => id);
      const before = await replaceable();
      const load = new Load(system.url, TOKEN, 'upgrade');
      await system.upgrade();
      const { succeeded, failed, lost } = await load.stop();
      expect({ failed, lost }).toEqual({ failed: [], lost: [] });
      expect(succeeded).toBeGreaterThan(500);
      const after = await replaceable();
      expect(after).toHaveLength(5);
      expect(after.filter((id) => before.includes(id))).toEqual([]);
    },
    UNDER_LOAD_TIMEOUT_MS,
  );

  test(
    'has its data back after down and up',
    async () => {
      const values = await fill('down');
      expect((await call(system.url, '/data', { json: { key: 'with a ttl', value: 1, ttl: 3600 }, token: TOKEN })).status).toBe(200); // prettier-ignore
      await system.down();
      expect(await system.containers()).toEqual([]);
      await system.scale({ master: 2, aux: 3 });
      expect(await missing(values)).toEqual([]);
      const { ttl } = (await read(system.url, 'with a ttl', asCaller)).json<{ ttl: number }>();
      expect(ttl).toBeGreaterThan(3000);
      expect(ttl).toBeLessThan(3600);
    },
    UNDER_LOAD_TIMEOUT_MS,
  );

  test(
    'has its data back from the backups when all aux and their volumes are gone',
    async () => {
      const values = await fill('lost');
      await system.backup();
      await system.loseAux();
      await system.scale({ master: 2, aux: 3 });
      expect(await missing(values)).toEqual([]);
    },
    UNDER_LOAD_TIMEOUT_MS,
  );

  /** Stores keys; the map says what each must read as. */
  async function fill(prefix: string): Promise<Map<string, string>> {
    const values = new Map(Array.from({ length: KEYS }, (_, i) => [`${prefix}:${i}`, `value ${i}`]));
    const json = [...values].map(([key, value]) => ({ key, value }));
    expect((await call(system.url, '/data/bulk', { json, token: TOKEN })).status).toBe(200);
    return values;
  }

  /** Of these keys, those that are not there or hold something else, once all can be asked for. */
  async function missing(values: ReadonlyMap<string, string>): Promise<string[]> {
    const found = await eventually(
      async () => {
        const answer = await call(system.url, '/data/bulk/get', { json: [...values.keys()], token: TOKEN });
        expect(answer).toMatchObject({ status: 200 });
        return answer.json<Record<string, unknown>>();
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    return [...values].filter(([key, value]) => found[key] !== value).map(([key]) => key);
  }

  async function targets(): Promise<string[]> {
    interface Target {
      readonly labels: { readonly job: string };
      readonly health: string;
    }
    const answer = await call(system.prometheusUrl, '/api/v1/targets?state=active');
    const { data } = answer.json<{ data: { activeTargets: Target[] } }>();
    return data.activeTargets
      .filter(({ labels }) => labels.job.startsWith('dcs-'))
      .map(({ labels, health }) => `${labels.job.replace('dcs-', '')} ${health}`)
      .sort();
  }
});
