import { request } from 'node:http';
import { BLOCKED_ERROR } from '@dcs/protocol';
import { register } from 'prom-client';
import { PROBLEMS } from './errors.js';
import { call, TestCluster, until } from '../test/test-cluster.js';

interface Operation {
  readonly summary: string;
  readonly responses: Record<string, { content?: Record<string, { schema?: unknown }> }>;
}

describe('a gateway and its nodes', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start(2);
  });
  afterAll(() => cluster.close());

  test('the OpenAPI document has every call, each with its answers', async () => {
    const { paths } = (await cluster.call('GET', '/docs-json')).json() as {
      paths: Record<string, Record<string, Operation>>;
    };
    const calls = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`)); // prettier-ignore
    expect(calls.sort()).toEqual(
      [
        'post /data',
        'get /data/{key}',
        'head /data/{key}',
        'put /data/{key}',
        'delete /data/{key}',
        'post /data/{key}/incr',
        'post /data/{key}/touch',
        'post /data/bulk',
        'post /data/bulk/get',
        'post /data/bulk/delete',
        'get /cluster',
        'get /cluster/keys/{key}',
        'post /cluster/backup',
        'post /cluster/nodes/{id}/drain',
        'get /health',
        'get /health/live',
        'get /health/ready',
        'get /metrics',
      ].sort(),
    );
    for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
      expect(operation.summary).not.toBe('');
      expect(Object.keys(operation.responses).some((status) => Number(status) < 300)).toBe(true);
    }
    expect(Object.keys(paths['/data/{key}']!['put']!.responses)).toEqual(
      expect.arrayContaining(['200', '201', '400', '401', '403', '412', '413', '503']),
    );
  });

  test('the page of it needs nothing from elsewhere', async () => {
    const page = await cluster.call('GET', '/docs');
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(src|href)="https?:/);
    const script = /src="\.\/(docs\/swagger-ui-bundle\.js)"/.exec(page.text)?.[1];
    expect((await cluster.call('GET', `/${script}`)).status).toBe(200);
  });

  test('GET /cluster shows the nodes and what they say', async () => {
    const { epoch, nodes } = (await cluster.call('GET', '/cluster')).json() as { epoch: number; nodes: { slots: { primary: number } }[] }; // prettier-ignore
    expect(epoch).toBeGreaterThan(0);
    expect(nodes).toHaveLength(2);
    expect(nodes[0]).toMatchObject({ id: 'aux-0', state: 'up', reachable: true, stats: { hitRatio: 0.75 } });
    expect(nodes[0]!.slots.primary + nodes[1]!.slots.primary).toBe(16_384);
  });

  test('GET /cluster/keys/:key shows the slot and its owners', async () => {
    // redis-cli CLUSTER KEYSLOT 123456789
    expect((await cluster.call('GET', '/cluster/keys/123456789')).json()).toMatchObject({ key: '123456789', slot: 12_739 }); // prettier-ignore
    const { owners } = (await cluster.call('GET', '/cluster/keys/%D0%BA')).json() as { owners: string[] };
    expect(owners).toHaveLength(1);
    expect(['aux-0', 'aux-1']).toContain(owners[0]);
  });

  test('drain is passed on to the node', async () => {
    const drained = await cluster.call('POST', '/cluster/nodes/aux-1/drain');
    expect(drained.status).toBe(202);
    expect(drained.json()).toEqual({ id: 'aux-1', draining: true });
    expect(cluster.nodes[1]!.callsOf('DCS.DRAIN')).toHaveLength(1);
    expect((await cluster.call('POST', '/cluster/nodes/nobody/drain')).json()).toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  test('a backup is asked of every node; one without a directory is named, and so is one that is silent', async () => {
    const backup = () => cluster.call('POST', '/cluster/backup');
    const asked = await backup();
    expect([asked.status, asked.json()]).toEqual([202, { nodes: ['aux-0', 'aux-1'] }]);
    for (const node of cluster.nodes) expect(node.callsOf('DCS.BACKUP')).toHaveLength(1);
    const answer = (reply: string | null) => {
      cluster.nodes[1]!.intercept = (command) => (command === 'DCS.BACKUP' ? reply : undefined);
    };
    answer('-NOBACKUP this node has no backup directory\r\n');
    const without = await backup();
    expect(without.headers['retry-after']).toBeUndefined();
    expect(without.json()).toMatchObject({
      status: 503,
      code: 'ERR_NO_BACKUP_DIRECTORY',
      detail: 'no backup directory (DCS_BACKUP_DIR): aux-1',
      asked: ['aux-0'],
      failed: [{ id: 'aux-1', code: 'ERR_NO_BACKUP_DIRECTORY' }],
    });
    answer(null);
    expect((await backup()).json()).toMatchObject({
      status: 503,
      code: 'ERR_UNAVAILABLE',
      asked: ['aux-0'],
      failed: [{ id: 'aux-1', code: 'ERR_UNAVAILABLE' }],
    });
    answer('+OK\r\n');
  });

  test('metrics count what was done', async () => {
    const before = (await cluster.call('GET', '/metrics')).text;
    await cluster.post('/data', { key: 'm', value: 1 });
    await cluster.get('m');
    await cluster.get('absent');
    const text = (await cluster.call('GET', '/metrics')).text;
    const names = /cluster="dcs",node="master-[^"]+"/.exec(text)?.[0] ?? 'nobody';
    const named = (name: string) => `${name.replace(/}$/, ',').replace(/^[^{]+$/, '$&{')}${names}} `;
    const value = (name: string, from = text) => Number(from.split('\n').find((line) => line.startsWith(named(name)))?.split(' ')[1]); // prettier-ignore
    const grown = (name: string) => value(name) - value(name, before);
    expect(grown('dcs_http_requests_total{operation="set",outcome="ok"}')).toBe(1);
    expect(grown('dcs_http_requests_total{operation="get",outcome="ok"}')).toBe(1);
    expect(grown('dcs_http_requests_total{operation="get",outcome="not_found"}')).toBe(1);
    expect(grown('dcs_http_request_duration_seconds_count{operation="get"}')).toBe(2);
    expect(grown('dcs_http_request_duration_seconds_bucket{operation="get",le="+Inf"}')).toBe(2);
    expect(value('dcs_http_request_duration_seconds_sum{operation="get"}')).toBeGreaterThan(0);
    expect(value('dcs_aux_connections{state="connected"}')).toBe(2);
    expect(value('dcs_members{state="up"}')).toBe(2);
    expect(value('dcs_registry_reachable')).toBe(1);
    expect(value('dcs_view_epoch')).toBeGreaterThan(0);
    expect(value('dcs_http_in_flight')).toBe(0);
    expect([value('dcs_nodes_wanted'), value('dcs_replicas_wanted')]).toEqual([2, 1]);
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples.filter((line) => !line.includes(names))).toEqual([]);
    expect(text).not.toContain('eventloop_lag');
    for (const name of ['dcs_routing_retries_total', 'dcs_coalesced_reads_total', 'dcs_event_loop_stalled_seconds_total', 'dcs_build_info', 'process_cpu_seconds_total']) expect(text).toContain(`# TYPE ${name}`); // prettier-ignore
  });

  test('concurrent reads of one key share round trips, through HTTP too', async () => {
    await cluster.post('/data', { key: 'hot', value: 1 });
    const owner = cluster.owner('hot');
    owner.delayMs = 30;
    const before = owner.callsOf('DCS.GET').length;
    const answers = await Promise.all(Array.from({ length: 30 }, () => cluster.get('hot')));
    owner.delayMs = 0;
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(owner.callsOf('DCS.GET').length - before).toBeLessThan(10);
  });
});

describe('when a node cannot be reached', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await TestCluster.start(2, { DCS_REQUEST_TIMEOUT_MS: '200', DCS_OPERATION_TIMEOUT_MS: '600' });
  });
  afterEach(() => cluster.close());

  /** Keys of both nodes, those of the second one last. */
  const keys = () => {
    const all = Array.from({ length: 40 }, (_, i) => `k/${i}`);
    const of = (id: string) => all.filter((key) => cluster.gateway.plane.locate(key).owners[0] === id);
    return { here: of('aux-0'), gone: of('aux-1') };
  };

  test('its keys are unavailable, not missing; bulk calls say which', async () => {
    const { here, gone } = keys();
    const items = [...here, ...gone].map((key) => ({ key, value: key }));
    await cluster.post('/data/bulk', items);
    await cluster.nodes[1]!.close();

    const read = await cluster.get(gone[0]!);
    expect(read.json()).toMatchObject({ status: 503, code: 'ERR_UNAVAILABLE' });
    expect(read.headers['retry-after']).toBe('1');
    expect(read.text).not.toContain('127.0.0.1');
    expect((await cluster.get(here[0]!)).status).toBe(200);

    const whole = await cluster.post('/data/bulk/get', [...here, ...gone]);
    expect(whole.status).toBe(503);
    expect((whole.json()['unavailable'] as string[]).sort()).toEqual([...gone].sort());
    const part = await cluster.post('/data/bulk/get?partial=true', [...here, ...gone]);
    expect(part.status).toBe(200);
    expect(part.json()).toEqual(Object.fromEntries(here.map((key) => [key, key])));
    expect(part.headers['x-dcs-unavailable']).toBe(String(gone.length));
    expect(String(part.headers['x-dcs-unavailable-keys']).split(',').map(decodeURIComponent).sort()).toEqual([...gone].sort()); // prettier-ignore

    const stored = await cluster.post('/data/bulk', items);
    expect(stored.status).toBe(207);
    expect(stored.json()['stored']).toBe(here.length);
    expect(stored.json()['failed']).toEqual(expect.arrayContaining([{ key: gone[0], code: 'ERR_UNAVAILABLE' }]));
    expect((await cluster.post('/data/bulk', items.slice(here.length))).status).toBe(503);
    expect((await cluster.post('/data/bulk/delete', [gone[0], here[0]])).json()).toMatchObject({ deleted: 1 });

    const nodes = (await cluster.call('GET', '/cluster')).json()['nodes'] as { reachable: boolean }[];
    expect(nodes.map(({ reachable }) => reachable)).toEqual([true, false]);
  });

  test('a node that is still recovering answers as that', async () => {
    const { here } = keys();
    cluster.nodes[0]!.intercept = (command) => (command === 'DCS.GET' ? '-LOADING recovering\r\n' : undefined);
    expect((await cluster.get(here[0]!)).json()).toMatchObject({ status: 503, code: 'ERR_RECOVERING' });
  });

  test('keys that are known to wait are answered at once, with when to ask again, in bulks too', async () => {
    const { here, gone } = keys();
    const [a, b] = cluster.nodes;
    a!.intercept = (command) => (command.startsWith('DCS.') ? `-${BLOCKED_ERROR}\r\n` : undefined);
    const single = await cluster.get(here[0]!);
    expect(single.json()).toMatchObject({ status: 503, code: 'ERR_RECOVERING' });
    expect(single.headers['retry-after']).toBe('1');
    expect((await cluster.post('/data', { key: here[0], value: 1 })).json()).toMatchObject({ code: 'ERR_RECOVERING' });
    const items = [...here, gone[0]!].map((key) => ({ key, value: key }));
    const bulk = await cluster.post('/data/bulk', items);
    expect([bulk.status, bulk.json()['stored']]).toEqual([207, 1]);
    expect(bulk.json()['failed']).toEqual(expect.arrayContaining(here.map((key) => ({ key, code: 'ERR_RECOVERING' }))));
    const all = await cluster.post('/data/bulk', items.slice(0, -1));
    expect([all.status, all.json()['code'], all.headers['retry-after']]).toEqual([503, 'ERR_RECOVERING', '1']);
    expect(a!.callsOf('DCS.GET')).toHaveLength(1);
    expect(a!.callsOf('DCS.SET')).toHaveLength(1 + 2 * here.length);
    expect(b!.callsOf('DCS.SET')).toHaveLength(1);
  });

  test('a lost reply is asked for again with the same stamp, and the write is done once', async () => {
    const { here } = keys();
    let lost = 0;
    cluster.nodes[0]!.intercept = (command) => (command === 'DCS.SET' && lost++ === 0 ? null : undefined);
    const written = await cluster.post('/data', { key: here[0], value: 1 });
    expect(written.json()).toEqual({ key: here[0], version: cluster.nodes[0]!.callsOf('DCS.SET')[0]![2] });
    const [first, second] = cluster.nodes[0]!.callsOf('DCS.SET');
    expect(second![2]).toBe(first![2]);
    expect(first![3]).toBe('1');
    expect(Number(second![3])).toBeGreaterThan(1);
  });

  test('a gateway without nodes is alive and not ready', async () => {
    await Promise.all(cluster.nodes.map((node) => node.close()));
    await until(() => cluster.gateway.plane.unreadyReason() !== undefined);
    const ready = await cluster.call('GET', '/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.json()).toMatchObject({ status: 'not ready', reason: 'no cache node can be reached' });
    expect((await cluster.call('GET', '/health/live')).json()).toEqual({ status: 'ok' });
    expect((await cluster.call('GET', '/health')).json()).toEqual({ status: 'ok' });
  });
});

test('past its bound of calls the gateway says so, and serves again afterwards', async () => {
  const cluster = await TestCluster.start(1, { DCS_MAX_IN_FLIGHT: '4' });
  cluster.nodes[0]!.delayMs = 100;
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => cluster.get(`k${i}`)));
  const overloaded = answers.filter(({ status }) => status === 503);
  expect(answers.filter(({ status }) => status === 404).length).toBe(20 - overloaded.length);
  expect(overloaded.length).toBeGreaterThan(0);
  expect(overloaded[0]!.json()).toMatchObject({ code: 'ERR_OVERLOADED' });
  expect(overloaded[0]!.headers['retry-after']).toBe('1');
  cluster.nodes[0]!.delayMs = 0;
  expect((await cluster.get('k')).status).toBe(404);
  await cluster.close();
});

test('close: what is in flight is answered, its connection ends, nothing new is accepted, metrics are taken back', async () => {
  const cluster = await TestCluster.start(1);
  await cluster.post('/data', { key: 'k', value: 1 });
  cluster.nodes[0]!.delayMs = 150;
  const answer = new Promise<{ status?: number; connection?: string }>((resolve, reject) => {
    const headers = { connection: 'keep-alive' };
    request({ port: cluster.port, host: '127.0.0.1', path: '/data/k', headers }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }));
    })
      .on('error', reject)
      .end();
  });
  await until(() => cluster.gateway.metrics.inFlight === 1);
  const closing = cluster.close();
  expect(cluster.gateway.unreadyReason()).toBe('the gateway is shutting down');
  expect(await answer).toEqual({ status: 200, connection: 'close' });
  await closing;
  await cluster.application.close();
  await expect(call(cluster.port, 'GET', '/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(register.getSingleMetric('dcs_http_in_flight')).toBeUndefined();
});

test('every problem code has a 4xx or 5xx status', () => {
  for (const { status, title } of Object.values(PROBLEMS)) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(title).not.toBe('');
  }
});
