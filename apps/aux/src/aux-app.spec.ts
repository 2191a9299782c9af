import { hostname } from 'node:os';
import { ClusterClock, MemoryRegistry } from '@dcs/cluster-membership';
import { AuxApp } from './aux-app.js';
import { loadConfig } from './config/config.js';
import { createLogger } from './logging.js';
import { RawClient } from '../test/test-server.js';

const lines: string[] = [];

function makeApp(): AuxApp {
  const config = loadConfig({
    env: {
      DCS_ID: 'a1',
      DCS_DATA_PORT: '0',
      DCS_HTTP_PORT: '0',
      DCS_REGISTRY: 'memory:',
      DCS_SHUTDOWN_TIMEOUT_MS: '2000',
    },
    readFile: () => '',
    pid: 1,
    memory: { heapBytes: 2 ** 32, totalBytes: 2 ** 34 },
  });
  const out = { write: (line: string) => lines.push(line) } as unknown as NodeJS.WritableStream;
  const registry = new MemoryRegistry();
  return new AuxApp({
    config,
    registry,
    clock: new ClusterClock({ reading: () => undefined }),
    log: createLogger({ id: 'a1', level: 'info', format: 'json' }, out),
    version: '1.2.3',
    onDrain: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
}

describe('the ops port', () => {
  let app: AuxApp;
  const get = (path: string) => fetch(`http://127.0.0.1:${app.httpPort}${path}`);

  beforeEach(async () => {
    app = makeApp();
    await app.start();
  });
  afterEach(() => app.close());

  test('says that the node lives and is ready, and when it is not, why', async () => {
    expect((await get('/health/live')).status).toBe(200);
    expect(await (await get('/health')).json()).toEqual({ status: 'ok' });
    const ready = await get('/health/ready');
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ready', epoch: app.aux.membership!.view.epoch },
    ]);
    await app.aux.membership!.update({ state: 'joining' });
    const notReady = await get('/health/ready');
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toMatchObject({ status: 'not ready', reason: 'in the view as joining' });
    expect((await get('/health/live')).status).toBe(200);
  });

  test('shows what commands did', async () => {
    const client = new RawClient(app.aux.data.port);
    for (let i = 0; i < 64; i++) await client.call('SET', `k${i}`, 'v');
    await client.call('GET', 'k1');
    await client.call('GET', 'none');
    await client.call('INCR', 'k1');
    const response = await get('/metrics');
    const text = await response.text();
    client.close();
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const names = 'cluster="dcs",node="a1"';
    for (const line of [
      `dcs_commands_total{command="set",outcome="ok",${names}} 64`,
      `dcs_commands_total{command="incr",outcome="error",${names}} 1`,
      `dcs_command_duration_seconds_count{${names},command="set"} 1`,
      `dcs_hits_total{${names}} 1`,
      `dcs_misses_total{${names}} 1`,
      `dcs_entries{${names}} 64`,
      `dcs_connections{${names}} 1`,
      `dcs_members{state="up",${names}} 1`,
      `dcs_nodes_wanted{${names}} 1`,
      `dcs_replicas_wanted{${names}} 2`,
      `dcs_slots_owned{role="primary",${names}} 16384`,
      `dcs_registry_reachable{${names}} 1`,
      `dcs_build_info{app="aux",version="1.2.3",node_version="${process.version}",host="${hostname()}",${names}} 1`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples.filter((line) => !line.includes(names))).toEqual([]);
    expect(text).toContain('dcs_event_loop_stalled_seconds_total');
    expect(text).not.toContain('eventloop_lag');
  });

  test('logs JSON lines', () => {
    expect(lines.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ app: 'aux', id: 'a1', msg: 'aux a1 is up' }),
    );
  });
});
