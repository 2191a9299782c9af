import { masterUrl, useCluster } from './cluster.js';
import { type Entry, put, read, store } from './data-api.js';
import { call } from './http.js';
import { AWKWARD_KEYS } from './keys.js';
import { withNode } from './node-client.js';
import { expectProblem } from './problem.js';

const cluster = useCluster({ masters: 2, aux: 3 });
const url = (index = 0) => masterUrl(cluster(), index);
const bulkSet = (items: unknown) => call(url(), '/data/bulk', { json: items });
const bulkGet = (keys: unknown, index = 0) => call(url(index), '/data/bulk/get', { json: keys });
const bulkDelete = (keys: unknown) => call(url(), '/data/bulk/delete', { json: keys });

test('a thousand keys are spread over all nodes, read through another gateway and deleted', async () => {
  const entries = Array.from(
    { length: 1000 },
    (_, index) => [`bulk:${index}`, { index, text: `ключ ${index}` }] as const,
  );
  const stored = await bulkSet(entries.map(([key, value]) => ({ key, value })));
  expect([stored.status, stored.json()]).toEqual([200, { stored: 1000 }]);

  const sizes = await Promise.all(cluster().aux.map((node) => withNode(node, (client) => client.dbsize())));
  for (const size of sizes) expect(size).toBeGreaterThan(150); // a third each, and nobody is left out
  expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThanOrEqual(1000);

  const keys = entries.map(([key]) => key);
  expect((await bulkGet(keys, 1)).json()).toEqual(Object.fromEntries(entries));
  const deleted = await bulkDelete(keys);
  expect([deleted.status, deleted.json()]).toEqual([200, { deleted: 1000 }]);
  expect((await bulkGet(keys)).json()).toEqual({});
  expect((await bulkDelete(keys)).json()).toEqual({ deleted: 0 });
});

test('awkward keys round-trip, __proto__ included', async () => {
  const keys = [...AWKWARD_KEYS];
  await bulkSet(keys.map((key, index) => ({ key, value: index })));
  const got = JSON.parse((await bulkGet(keys)).text) as object;
  expect(Object.keys(got).sort()).toEqual([...keys].sort());
  keys.forEach((key, index) => expect(Object.getOwnPropertyDescriptor(got, key)?.value).toBe(index));
  expect((await bulkDelete(keys)).json()).toEqual({ deleted: keys.length });
});

test('missing keys are left out, and a key asked for twice is there once', async () => {
  await store(url(), 'here', 'x');
  const got = await bulkGet(['here', 'not here', 'here']);
  expect([got.status, got.json()]).toEqual([200, { here: 'x' }]);
});

test('of one key stored twice in one call the later value stays', async () => {
  expect((await bulkSet([1, 2, 3].map((value) => ({ key: 'twice', value })))).json()).toEqual({ stored: 3 });
  expect((await read(url(), 'twice')).json()).toMatchObject({ value: 3 });
});

test('a key deleted twice in one call counts once', async () => {
  await store(url(), 'delete twice', 1);
  expect((await bulkDelete(['delete twice', 'delete twice'])).json()).toEqual({ deleted: 1 });
});

test('nothing asked, nothing done', async () => {
  expect((await bulkSet([])).json()).toEqual({ stored: 0 });
  expect((await bulkGet([])).json()).toEqual({});
  expect((await bulkDelete([])).json()).toEqual({ deleted: 0 });
});

test('every JSON type comes back', async () => {
  const values = { s: '"', n: -1.5, t: true, f: false, z: null, a: [1, [2]], o: { p: {} }, e: '' };
  await bulkSet(Object.entries(values).map(([key, value]) => ({ key: `type:${key}`, value })));
  const got = (await bulkGet(Object.keys(values).map((key) => `type:${key}`))).json();
  expect(got).toEqual(Object.fromEntries(Object.entries(values).map(([key, value]) => [`type:${key}`, value])));
});

test('a raw text value reads as a string', async () => {
  await put(url(), 'raw text', 'plain', { 'content-type': 'text/plain' });
  expect((await bulkGet(['raw text'])).json()).toEqual({ 'raw text': 'plain' });
});

test('what bulk stores has versions like any write', async () => {
  await bulkSet([{ key: 'versioned', value: 1 }]);
  expect((await read(url(), 'versioned')).json<Entry>().version).toMatch(/./);
});

describe('a body that is none', () => {
  test.each<[string, unknown, RegExp]>([
    ['an object', { key: 'a', value: 1 }, /^ERR_BAD_REQUEST$/],
    ['a string', 'a', /^ERR_BAD_REQUEST$/],
    ['items that are no objects', ['a'], /^ERR_BAD_REQUEST$/],
    ['an item without a key', [{ value: 1 }], /^ERR_(BAD_REQUEST|KEY_INVALID)$/],
    ['an item without a value', [{ key: 'a' }], /^ERR_BAD_REQUEST$/],
    ['an empty key', [{ key: '', value: 1 }], /^ERR_KEY_INVALID$/],
    ['a key of 513 bytes', [{ key: 'k'.repeat(513), value: 1 }], /^ERR_KEY_INVALID$/],
    ['a bad ttl', [{ key: 'a', value: 1, ttl: -1 }], /^ERR_TTL_INVALID$/],
  ])('bulk: %s stores nothing, not even the good items', async (_, body, code) => {
    const items = Array.isArray(body) ? [{ key: 'good item', value: 1 }, ...body] : body;
    expectProblem(await bulkSet(items), 400, code);
    expect((await read(url(), 'good item')).status).toBe(404);
  });

  test.each<[string, unknown, RegExp]>([
    ['an object', { keys: ['a'] }, /^ERR_BAD_REQUEST$/],
    ['a number among keys', ['a', 1], /^ERR_(BAD_REQUEST|KEY_INVALID)$/],
    ['an empty key', ['a', ''], /^ERR_KEY_INVALID$/],
    ['null', null, /^ERR_BAD_REQUEST$/],
  ])('bulk/get and bulk/delete: %s', async (_, body, code) => {
    expectProblem(await bulkGet(body), 400, code);
    expectProblem(await bulkDelete(body), 400, code);
  });
});
