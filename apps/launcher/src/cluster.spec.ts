import { createServer } from 'node:net';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FakeApps, fakeApps } from '../test/fake-apps.js';
import { type Cluster, startCluster } from './cluster.js';
import { type ClusterEvent, type ClusterOptions } from './cluster-plan.js';
import { DataLock, isAlive } from './data-lock.js';

let fakes: FakeApps;
let cluster: Cluster | undefined;
let events: ClusterEvent[];

beforeEach(() => {
  fakes = fakeApps();
  events = [];
});
afterEach(async () => {
  cluster?.killAll();
  await cluster?.stop();
  cluster = undefined;
  fakes.remove();
});

async function start(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const { root, dataDir, environment } = fakes;
  const onEvent = (event: ClusterEvent): void => void events.push(event);
  cluster = await startCluster({ root, dataDir, environment, aux: 2, masters: 1, onEvent, ...options });
  return cluster;
}

const alive = (pid: number): boolean => isAlive({ pid, started: '' });
const environmentOf = async (url: string): Promise<Record<string, string>> =>
  (await (await fetch(`${url}/env`)).json()) as Record<string, string>;

async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 5_000; !condition(); ) {
    if (Date.now() > end) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('startCluster', () => {
  it('resolves when all are ready, aux before masters, with their addresses', async () => {
    const { masters, aux } = await start();
    expect(masters.map(({ name }) => name)).toEqual(['master-1']);
    expect(aux.map(({ name }) => name)).toEqual(['aux-1', 'aux-2']);
    expect((await fetch(`${masters[0]?.url}/health/ready`)).status).toBe(200);
    expect(new Set(aux.flatMap(({ dataPort, httpPort }) => [dataPort, httpPort])).size).toBe(4);
    const ready = events.filter(({ type }) => type === 'ready').map(({ name }) => name);
    expect(ready.at(-1)).toBe('master-1');
    expect(cluster?.logs('aux-1').join('\n')).toContain('"listening"');
  });

  it('gives each process its place, and the variables of its role only', async () => {
    const more = { DCS_MAX_ENTRIES: '5', DCS_BULK_MAX_ITEMS: '7', DCS_LOG_LEVEL: 'warn' };
    const { masters, aux } = await start({
      environment: { ...fakes.environment, ...more },
      replicas: 1,
      processEnv: { 'aux-2': { DCS_ZONE: 'z', DCS_LOG_LEVEL: undefined } },
    });
    const ofAux = await environmentOf(`http://127.0.0.1:${aux[1]?.httpPort}`);
    expect(ofAux).toMatchObject({ DCS_ID: 'aux-2', DCS_REPLICAS: '1', DCS_ZONE: 'z', DCS_MAX_ENTRIES: '5' });
    expect(ofAux).toMatchObject({ DCS_DATA_PORT: String(aux[1]?.dataPort), DCS_HOST: '127.0.0.1' });
    expect(ofAux).toMatchObject({ DCS_REGISTRY: `file:${join(fakes.dataDir, 'registry')}` });
    expect(Object.keys(ofAux)).not.toEqual(expect.arrayContaining(['DCS_BULK_MAX_ITEMS']));
    expect(Object.keys(ofAux)).not.toEqual(expect.arrayContaining(['DCS_LOG_LEVEL']));
    const ofMaster = await environmentOf(masters[0]?.url ?? '');
    expect(ofMaster).toMatchObject({ DCS_ID: 'master-1', DCS_BULK_MAX_ITEMS: '7', DCS_LOG_LEVEL: 'warn' });
    expect(Object.keys(ofMaster)).not.toEqual(expect.arrayContaining(['DCS_MAX_ENTRIES']));
    expect(Object.keys(ofMaster)).not.toEqual(expect.arrayContaining(['DCS_DATA_PORT']));
  });

  it('makes a secret where none is given, for itself alone to read, and keeps it', async () => {
    const file = join(fakes.dataDir, 'cluster-secret');
    const { masters, aux } = await start();
    const seen = [await environmentOf(`http://127.0.0.1:${aux[0]?.httpPort}`), await environmentOf(masters[0]!.url)];
    for (const environment of seen) expect(environment).toMatchObject({ DCS_CLUSTER_SECRET_FILE: file });
    const secret = readFileSync(file, 'utf8');
    expect(secret).toMatch(/^[0-9a-f]{48}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const folder of ['registry', 'disk', 'backup']) {
      expect(statSync(join(fakes.dataDir, folder)).mode & 0o777).toBe(0o700);
    }
    await cluster?.stop();
    await start();
    expect(readFileSync(file, 'utf8')).toBe(secret);
  });

  it.each([
    ['without tokens opens RESP as it opens HTTP, on loopback', {}, 'true'],
    ['with tokens closes both', { DCS_API_TOKENS: 'a:12345678:admin' }, undefined],
    ['does what it is told', { DCS_ALLOW_UNAUTHENTICATED: 'false' }, 'false'],
  ])('%s', async (_, more, expected) => {
    const { aux } = await start({
      environment: { ...fakes.environment, DCS_CLUSTER_SECRET: 'a given secret', ...more },
    });
    const seen = await environmentOf(`http://127.0.0.1:${aux[0]?.httpPort}`);
    expect(seen['DCS_ALLOW_UNAUTHENTICATED']).toBe(expected);
    expect(seen).toMatchObject({ DCS_CLUSTER_SECRET: 'a given secret', ...more });
    expect(Object.keys(seen)).not.toContain('DCS_CLUSTER_SECRET_FILE');
  });

  it('listens everywhere but advertises an address that can be reached', async () => {
    const { aux } = await start({ host: '0.0.0.0' });
    expect(aux[0]?.host).toBe('127.0.0.1');
    const seen = await environmentOf(`http://127.0.0.1:${aux[0]?.httpPort}`);
    expect(seen).toMatchObject({ DCS_HOST: '0.0.0.0', DCS_ADVERTISE_HOST: '127.0.0.1' });
  });

  it('names a process that dies before it is ready, with its status and its last words, and stops the rest', async () => {
    const failed = start({ processEnv: { 'master-1': { FAKE_MODE: 'die' } } });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_PROCESS_DIED' });
    await expect(failed).rejects.toThrow(
      /master-1 died before it was ready: exit code 3\n.*\n.*fatal cannot go on reason="no cheese"/,
    );
    expect(fakes.notes().filter((note) => note.endsWith('ends'))).toHaveLength(2);
    await (await DataLock.acquire(fakes.dataDir)).release();
  });

  it('gives up on a process that does not become ready, and says what it answers', async () => {
    const failed = start({ readyTimeoutMs: 1_000, processEnv: { 'aux-2': { FAKE_MODE: 'sick' } } });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NOT_READY' });
    await expect(failed).rejects.toThrow(/aux-2 is not ready after 1 s: .*503 the disk is full/);
  });

  it('starts nothing when a port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({ code: 'ERR_PORT_IN_USE' });
    server.close();
    expect(events).toEqual([]);
  });

  it('refuses a data directory that another cluster uses', async () => {
    await start();
    const { root, dataDir, environment } = fakes;
    await expect(startCluster({ root, dataDir, environment })).rejects.toMatchObject({ code: 'ERR_DATA_DIR_LOCKED' });
  });

  it.each([
    [{ environment: { DCS_ID: 'x' } }, /DCS_ID/],
    [{ processEnv: { 'aux-1': { DCS_HTTP_PORT: '1' } } }, /DCS_HTTP_PORT of aux-1.*--aux-http-port/],
    [{ processEnv: { 'aux-9': {} } }, /no process is called "aux-9"/],
  ])('refuses %j', async (options, message) => {
    await expect(start(options)).rejects.toThrow(message);
  });

  it('says what to do when the apps are not built', async () => {
    await expect(start({ root: join(fakes.root, 'nothing') })).rejects.toMatchObject({ code: 'ERR_NOT_BUILT' });
  });
});

describe('a running cluster', () => {
  it('reports a process that dies, and goes on', async () => {
    const { aux } = await start();
    await expect(fetch(`http://127.0.0.1:${aux[0]?.httpPort}/die`)).rejects.toThrow();
    await eventually(() => events.some(({ type }) => type === 'died'), 'a died event');
    expect(events.find(({ type }) => type === 'died')).toMatchObject({
      name: 'aux-1',
      exit: { code: 7, signal: null },
    });
    expect(cluster?.aux.map(({ name }) => name)).toEqual(['aux-2']);
    expect(cluster?.count('aux')).toBe(2);
  });

  it('kills a process and starts it again with the same id and ports', async () => {
    const { aux } = await start();
    const [before] = aux;
    await cluster?.kill('aux-1');
    expect(alive(before?.pid ?? 0)).toBe(false);
    await cluster?.start('aux-1', { DCS_WEIGHT: '3' });
    expect(cluster?.aux[0]).toEqual({ ...before, pid: expect.any(Number) });
    expect(cluster?.aux[0]?.pid).not.toBe(before?.pid);
    expect(await environmentOf(`http://127.0.0.1:${before?.httpPort}`)).toMatchObject({ DCS_WEIGHT: '3' });
    expect(cluster?.logs('aux-1').filter((line) => line.includes('listening'))).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'died')).toEqual([]);
    await expect(cluster?.start('aux-1')).rejects.toMatchObject({ code: 'ERR_STILL_RUNNING' });
  });

  it('pauses and resumes a process', async () => {
    const { aux } = await start();
    const url = `http://127.0.0.1:${aux[0]?.httpPort}/health/ready`;
    await cluster?.kill('aux-1', 'SIGSTOP');
    await expect(fetch(url, { signal: AbortSignal.timeout(200) })).rejects.toThrow();
    await cluster?.kill('aux-1', 'SIGCONT');
    expect((await fetch(url)).status).toBe(200);
  });

  it('adds an aux', async () => {
    await start();
    const added = await cluster?.addAux({ DCS_ZONE: 'b' });
    expect(added).toMatchObject({ name: 'aux-3' });
    expect(await environmentOf(`http://127.0.0.1:${added?.httpPort}`)).toMatchObject({
      DCS_ID: 'aux-3',
      DCS_ZONE: 'b',
    });
    expect(cluster?.aux).toHaveLength(3);
  });

  it('drains the masters, then the aux', async () => {
    await start({ masters: 2 });
    await Promise.all([cluster?.stop(), cluster?.stop()]);
    const notes = fakes.notes();
    expect(notes).toHaveLength(8);
    expect(notes.slice(0, 4).every((note) => note.startsWith('master-'))).toBe(true);
    expect(notes.slice(4).every((note) => note.startsWith('aux-'))).toBe(true);
    const times = events.flatMap((event) => (event.type === 'stopped' ? [event.tookMs] : []));
    expect(times).toHaveLength(4);
    expect(Math.min(...times)).toBeLessThan(450); // The end of a process is noticed, not waited for.
    expect(events.at(-1)).toMatchObject({ type: 'stopped', killed: false, exit: { code: 0 } });
    await (await DataLock.acquire(fakes.dataDir)).release();
    await expect(cluster?.start('aux-1')).rejects.toMatchObject({ code: 'ERR_STOPPED' });
    await expect(cluster?.addAux()).rejects.toMatchObject({ code: 'ERR_STOPPED' });
  });

  it('kills what does not drain in its time, a paused process too', async () => {
    const environment = { ...fakes.environment, DCS_SHUTDOWN_TIMEOUT_MS: '0' };
    const { aux } = await start({ environment, processEnv: { 'aux-1': { FAKE_MODE: 'deaf' } } });
    await cluster?.kill('aux-2', 'SIGSTOP');
    await cluster?.stop();
    const stopped = events.filter((event) => event.type === 'stopped' && event.killed).map(({ name }) => name);
    expect(stopped.sort()).toEqual(['aux-1', 'aux-2']);
    expect(aux.some(({ pid }) => alive(pid))).toBe(false);
  });

  it('refuses a name that it does not know', async () => {
    await start();
    await expect(cluster?.kill('aux-7')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_PROCESS' });
    expect(() => cluster?.logs('x')).toThrow('there are aux-1, aux-2, master-1');
  });
});
