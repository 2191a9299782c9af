import { masterUrl, useCluster } from './cluster.js';
import { type Entry, put, read, readRaw, store } from './data-api.js';
import { call } from './http.js';
import { expectProblem } from './problem.js';

const MIB = 2 ** 20;

const cluster = useCluster({ aux: 2 });
const url = () => masterUrl(cluster());

describe('keys of 1 to 512 bytes', () => {
  test.each([
    ['513 bytes', 'k'.repeat(513)],
    ['257 characters of two bytes', 'ю'.repeat(257)],
    ['5000 bytes', 'k'.repeat(5000)],
    ['no byte', ''],
  ])('%s are refused everywhere', async (_, key) => {
    const path = `/data/${encodeURIComponent(key)}`;
    expectProblem(await store(url(), key, 1), 400, 'ERR_KEY_INVALID');
    expectProblem(await call(url(), path), 400, 'ERR_KEY_INVALID');
    expectProblem(await call(url(), path, { method: 'DELETE' }), 400, 'ERR_KEY_INVALID');
    expectProblem(await put(url(), key, 'x'), 400, 'ERR_KEY_INVALID');
    expectProblem(await call(url(), `${path}/incr`, { json: {} }), 400, 'ERR_KEY_INVALID');
    expectProblem(await call(url(), '/data/bulk/get', { json: [key] }), 400, 'ERR_KEY_INVALID');
  });

  test.each([
    ['512 bytes', 'k'.repeat(512)],
    ['512 bytes that take 1536 in a path', '%'.repeat(512)],
    ['256 characters of two bytes', 'ю'.repeat(256)],
    ['one byte', 'k'],
  ])('%s are served everywhere', async (_, key) => {
    expect((await store(url(), key, 1)).status).toBe(200);
    expect((await read(url(), key)).json()).toMatchObject({ key, value: 1 });
    expect((await call(url(), `/data/${encodeURIComponent(key)}/incr`, { json: {} })).json()).toMatchObject({
      value: 2,
    });
    expect((await put(url(), key, 'x')).status).toBe(200);
    expect((await call(url(), `/cluster/keys/${encodeURIComponent(key)}`)).json()).toMatchObject({ key });
  });
});

describe('values of 0 bytes to 1 MiB', () => {
  test.each([0, 1, MIB - 1, MIB])('%d raw bytes are kept', async (size) => {
    const body = Buffer.alloc(size, 0xa5);
    expect((await put(url(), `raw ${size}`, body)).status).toBe(201);
    const got = await readRaw(url(), `raw ${size}`);
    expect([got.status, got.body.equals(body)]).toEqual([200, true]);
  });

  test('a byte more is refused', async () => {
    expectProblem(await put(url(), 'too large', Buffer.alloc(MIB + 1)), 413, 'ERR_VALUE_TOO_LARGE');
    expect((await read(url(), 'too large')).status).toBe(404);
  });

  test('a JSON string of 1 MiB is kept, one of a byte more is refused', async () => {
    const value = 'v'.repeat(MIB);
    expect((await store(url(), 'string', value)).status).toBe(200);
    expect((await read(url(), 'string')).json<Entry>().value).toBe(value);
    expectProblem(await store(url(), 'too large', `${value}v`), 413, 'ERR_VALUE_TOO_LARGE');
    expect((await read(url(), 'too large')).status).toBe(404);
  });

  test('what counts is the size of the value, not of its escapes', async () => {
    const value = 'é'.repeat(MIB / 2);
    const answer = await call(url(), '/data', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"key":"escaped","value":"${'\\u00e9'.repeat(MIB / 2)}"}`,
    });
    expect(answer.status).toBe(200);
    expect((await read(url(), 'escaped')).json<Entry>().value).toBe(value);
  });

  test('any other JSON value counts by its text', async () => {
    const fits = Array.from({ length: MIB / 4 - 1 }, () => 100); // [100,100,...]: 4 bytes each
    expect((await store(url(), 'array', fits)).status).toBe(200);
    expectProblem(await store(url(), 'array', [...fits, ...fits]), 413, 'ERR_VALUE_TOO_LARGE');
  });

  test('one value too large spoils a bulk, and nothing of it is stored', async () => {
    const items = [
      { key: 'bulk fits', value: 1 },
      { key: 'bulk too large', value: 'v'.repeat(MIB + 1) },
    ];
    expectProblem(await call(url(), '/data/bulk', { json: items }), 413, 'ERR_VALUE_TOO_LARGE');
    expect((await read(url(), 'bulk fits')).status).toBe(404);
  });
});

describe('bulk calls', () => {
  test.each([
    ['/data/bulk', (index: number) => ({ key: `k${index}`, value: index })],
    ['/data/bulk/get', (index: number) => `k${index}`],
    ['/data/bulk/delete', (index: number) => `k${index}`],
  ])('%s of 1001 items is refused', async (path, item) => {
    const answer = await call(url(), path, { json: Array.from({ length: 1001 }, (_, index) => item(index)) });
    expect([400, 413]).toContain(answer.status);
    expectProblem(answer, answer.status, /^ERR_/);
  });

  test('seven values of 1 MiB pass, a body of more than 8 MiB does not', async () => {
    const items = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ key: `big ${index}`, value: 'v'.repeat(MIB - 64) }));
    expect((await call(url(), '/data/bulk', { json: items(7) })).json()).toEqual({ stored: 7 });
    expectProblem(await call(url(), '/data/bulk', { json: items(9) }), 413, 'ERR_VALUE_TOO_LARGE');
    const back = await call(url(), '/data/bulk/get', { json: items(7).map(({ key }) => key) });
    expect(back.status).toBe(200);
    expect(Object.keys(back.json<object>())).toHaveLength(7);
  });
});

test.each([
  ['PUT', '/data/announced', 2 * MIB],
  ['POST', '/data', 20 * MIB],
  ['POST', '/data/bulk', 20 * MIB],
])('%s %s with an announced body of %d bytes is refused before it is read', async (method, path, length) => {
  const answer = await call(url(), path, {
    method,
    headers: { 'content-type': 'application/json', 'content-length': String(length) },
  });
  expectProblem(answer, 413, 'ERR_VALUE_TOO_LARGE');
});

test('headers without end are refused', async () => {
  const answer = await call(url(), '/data/x', { headers: { 'x-long': 'h'.repeat(100_000) } });
  expect(answer.status).toBe(431);
  expect((await call(url(), '/health')).status).toBe(200);
});
