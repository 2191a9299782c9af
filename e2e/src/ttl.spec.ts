import { setTimeout as sleep } from 'node:timers/promises';
import { masterUrl, useCluster } from './cluster.js';
import { dataPath, type Entry, put, read, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';
import { expectProblem } from './problem.js';

const cluster = useCluster({ aux: 2 });
const url = () => masterUrl(cluster());
const touch = (key: string, body: unknown) => call(url(), `${dataPath(key)}/touch`, { json: body });

/** Waits for the key to be gone; a ttl that never ends fails here. */
function goes(key: string): Promise<void> {
  return eventually(async () => expect((await read(url(), key)).status).toBe(404), { timeoutMs: 5_000 });
}

describe('ttl', () => {
  test('0.2 s: there at once, gone afterwards', async () => {
    await store(url(), 'short', 'x', 0.2);
    await goes('short');
    expect((await call(url(), '/data/short', { method: 'HEAD' })).status).toBe(404);
  });

  test('is told in seconds, with fractions, and counts down', async () => {
    await store(url(), 'long', 'x', 30.5);
    const first = (await read(url(), 'long')).json<Entry>().ttl ?? NaN;
    expect(first).toBeGreaterThan(25);
    expect(first).toBeLessThanOrEqual(30.5);
    await sleep(50);
    expect((await read(url(), 'long')).json<Entry>().ttl).toBeLessThan(first);
  });

  test('an entry without one says nothing of it, and a new value without one has none', async () => {
    await store(url(), 'cleared', 'x', 0.3);
    await store(url(), 'cleared', 'y');
    expect((await read(url(), 'cleared')).json()).not.toHaveProperty('ttl');
    await sleep(400);
    expect((await read(url(), 'cleared')).json()).toMatchObject({ value: 'y' });
  });

  test('PUT takes it from the query', async () => {
    expect((await put(url(), 'put', 'x', {}, '?ttl=0.2')).status).toBe(201);
    await goes('put');
    expect((await put(url(), 'put', 'x', {}, '?ttl=0.2')).status).toBe(201);
  });

  test('each item of a bulk has its own', async () => {
    const items = [
      { key: 'bulk short', value: 1, ttl: 0.2 },
      { key: 'bulk long', value: 2, ttl: 60 },
      { key: 'bulk forever', value: 3 },
    ];
    expect((await call(url(), '/data/bulk', { json: items })).json()).toEqual({ stored: 3 });
    await goes('bulk short');
    const rest = await call(url(), '/data/bulk/get', { json: items.map(({ key }) => key) });
    expect(rest.json()).toEqual({ 'bulk long': 2, 'bulk forever': 3 });
  });

  test('an expired counter starts again', async () => {
    await call(url(), '/data/counter/incr', { json: { by: 9, ttl: 0.2 } });
    await goes('counter');
    expect((await call(url(), '/data/counter/incr', { json: {} })).json()).toMatchObject({ value: 1 });
  });

  test('a very long one is kept', async () => {
    await store(url(), 'century', 'x', 3_000_000_000);
    expect((await read(url(), 'century')).json<Entry>().ttl).toBeGreaterThan(2_999_000_000);
  });
});

describe('touch', () => {
  test('gives a new expiry and leaves the value', async () => {
    await store(url(), 'touched', { a: 1 }, 0.3);
    expect((await touch('touched', { ttl: 60 })).status).toBe(200);
    await sleep(400);
    const entry = (await read(url(), 'touched')).json<Entry>();
    expect(entry.value).toEqual({ a: 1 });
    expect(entry.ttl).toBeGreaterThan(50);
    expect((await touch('touched', { ttl: 0.1 })).status).toBe(200);
    await goes('touched');
  });

  test('404 for a missing key', async () => {
    expectProblem(await touch('untouched', { ttl: 5 }), 404, 'ERR_NOT_FOUND');
  });

  test('400 without a ttl', async () => {
    await store(url(), 'ttl-less', 'x');
    expectProblem(await touch('ttl-less', {}), 400, /^ERR_(TTL_INVALID|BAD_REQUEST)$/);
  });
});

const BAD_TTLS = ['-1', '-0.5', '"1"', '"soon"', 'true', '[]', '1e400', '1e300'];

describe('a ttl that is none', () => {
  test.each(BAD_TTLS)('%s is refused in POST /data', async (ttl) => {
    const answer = await call(url(), '/data', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"key":"refused","value":1,"ttl":${ttl}}`,
    });
    expectProblem(answer, 400, 'ERR_TTL_INVALID');
    expect((await read(url(), 'refused')).status).toBe(404);
  });

  test.each(['-1', 'soon', '', '1e400', 'NaN', 'Infinity', '0x10'])('?ttl=%s is refused in PUT', async (ttl) => {
    expectProblem(await put(url(), 'refused', 'x', {}, `?ttl=${ttl}`), 400, 'ERR_TTL_INVALID');
    expect((await read(url(), 'refused')).status).toBe(404);
  });

  test('is refused in touch', async () => {
    await store(url(), 'keeps', 'x');
    expectProblem(await touch('keeps', { ttl: -1 }), 400, 'ERR_TTL_INVALID');
    expect((await read(url(), 'keeps')).json()).not.toHaveProperty('ttl');
  });
});

test.each([0, null])('a ttl of %j is no expiry, and touch takes it away', async (ttl) => {
  await call(url(), '/data', { json: { key: 'for ever', value: 1, ttl } });
  expect((await read(url(), 'for ever')).json()).not.toHaveProperty('ttl');
  expect((await touch('for ever', { ttl: 60 })).status).toBe(200);
  expect((await read(url(), 'for ever')).json()).toHaveProperty('ttl');
  expect((await touch('for ever', { ttl })).status).toBe(200);
  expect((await read(url(), 'for ever')).json()).not.toHaveProperty('ttl');
});
