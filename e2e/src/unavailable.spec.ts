import { clusterView, masterUrl, useCluster } from './cluster.js';
import { put, read, readRaw, remove, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';
import { primaryOf } from './node-client.js';
import { expectProblem } from './problem.js';

// One copy of each key and a lease that outlasts the tests: a dead node keeps its slots, so that its keys stay
// unreachable and nobody stands in for it.
const cluster = useCluster({
  aux: 3,
  replicas: 1,
  env: { DCS_LEASE_MS: '600000', DCS_REQUEST_TIMEOUT_MS: '200', DCS_OPERATION_TIMEOUT_MS: '400' },
});
const url = () => masterUrl(cluster());
const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`);
const bulk = (path: string, json: unknown) => call(url(), path, { json });

let lost: string[] = [];
let kept: string[] = [];

beforeAll(async () => {
  const items = keys.map((key) => ({ key, value: key }));
  await eventually(async () => expect((await bulk('/data/bulk', items)).json()).toEqual({ stored: keys.length }));
  const owners = await Promise.all(keys.map(async (key) => (await primaryOf(cluster(), url(), key)).name));
  lost = keys.filter((_, index) => owners[index] === 'aux-2');
  kept = keys.filter((_, index) => owners[index] !== 'aux-2');
  expect(Math.min(lost.length, kept.length)).toBeGreaterThan(5);
});

describe('with one of three nodes dead', () => {
  beforeAll(() => cluster().kill('aux-2', 'SIGKILL'));

  test('its keys are unavailable, not missing', async () => {
    const key = lost[0] ?? '';
    expectProblem(await read(url(), key), 503, 'ERR_UNAVAILABLE');
    expectProblem(await readRaw(url(), key), 503, 'ERR_UNAVAILABLE');
    expectProblem(await store(url(), key, 1), 503, 'ERR_UNAVAILABLE');
    expectProblem(await put(url(), key, 'x'), 503, 'ERR_UNAVAILABLE');
    expectProblem(await remove(url(), key), 503, 'ERR_UNAVAILABLE');
    expectProblem(await call(url(), `/data/${key}/incr`, { json: {} }), 503, 'ERR_UNAVAILABLE');
    expectProblem(await call(url(), `/data/${key}/touch`, { json: { ttl: 5 } }), 503, 'ERR_UNAVAILABLE');
    expect((await call(url(), `/data/${key}`, { method: 'HEAD' })).status).toBe(503);
    expect((await read(url(), key)).headers['retry-after']).toMatch(/^\d+$/);
  });

  test('all other keys are served', async () => {
    for (const key of kept.slice(0, 10)) expect((await read(url(), key)).json()).toMatchObject({ value: key });
  });

  test('a bulk store is 207 and names what failed', async () => {
    const answer = await bulk(
      '/data/bulk',
      keys.map((key) => ({ key, value: 'new' })),
    );
    expect(answer.status).toBe(207);
    const { stored, failed } = answer.json<{ stored: number; failed: { key: string; code: string }[] }>();
    expect(stored).toBe(kept.length);
    expect(failed.map(({ key }) => key).sort()).toEqual([...lost].sort());
    for (const { code } of failed) expect(code).toBe('ERR_UNAVAILABLE');
  });

  test('a bulk store of nothing but its keys is 503', async () => {
    expectProblem(
      await bulk(
        '/data/bulk',
        lost.map((key) => ({ key, value: 1 })),
      ),
      503,
      'ERR_UNAVAILABLE',
    );
  });

  test('a bulk read is 503 and names what is unavailable', async () => {
    const answer = await bulk('/data/bulk/get', keys);
    expectProblem(answer, 503, 'ERR_UNAVAILABLE');
    for (const key of lost) expect(answer.text).toContain(JSON.stringify(key));
    for (const key of kept) expect(answer.text).not.toContain(JSON.stringify(key));
  });

  test('with ?partial=true a bulk read gives what there is and names the rest in a header', async () => {
    const answer = await bulk('/data/bulk/get?partial=true', keys);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json<object>()).sort()).toEqual([...kept].sort());
    expect(answer.headers['x-dcs-unavailable']).toBe(String(lost.length));
    const named = String(answer.headers['x-dcs-unavailable-keys']).split(',').map(decodeURIComponent);
    expect(named.sort()).toEqual([...lost].sort());
  });

  test('a bulk delete does not pass over the keys that it could not reach', async () => {
    const answer = await bulk('/data/bulk/delete', [lost[0], kept[0]]);
    expect([207, 503]).toContain(answer.status);
    expect(answer.text).toContain(JSON.stringify(lost[0]));
  });
});

describe('with every node dead', () => {
  beforeAll(async () => {
    await cluster().kill('aux-1', 'SIGKILL');
    await cluster().kill('aux-3', 'SIGKILL');
  });

  test('nothing is reported as missing', async () => {
    for (const key of ['never stored', ...keys.slice(0, 5)]) {
      expectProblem(await read(url(), key), 503, 'ERR_UNAVAILABLE');
    }
    expectProblem(await bulk('/data/bulk/get', keys), 503, 'ERR_UNAVAILABLE');
  });

  test('the gateway lives, is not ready and says why', async () => {
    expect((await call(url(), '/health/live')).status).toBe(200);
    const answer = await eventually(async () => {
      const ready = await call(url(), '/health/ready');
      expect(ready.status).toBe(503);
      return ready;
    });
    expect(answer.text.length).toBeGreaterThan(20);
    expect((await clusterView(url())).nodes).toHaveLength(3);
  });

  test('it is ready again when the nodes are', async () => {
    await Promise.all(['aux-1', 'aux-2', 'aux-3'].map((name) => cluster().start(name)));
    await eventually(async () => expect((await call(url(), '/health/ready')).status).toBe(200));
    await eventually(async () => {
      for (const key of keys) expect((await store(url(), key, 'again')).status).toBe(200);
    });
    expect((await read(url(), keys[0] ?? '')).json()).toMatchObject({ value: 'again' });
  });
});
