import { type Cluster, masterUrl, useCluster } from './cluster.js';
import { dataPath, type Entry, read, remove, store } from './data-api.js';
import { call } from './http.js';
import { AWKWARD_KEYS } from './keys.js';
import { expectProblem } from './problem.js';

const cluster: () => Cluster = useCluster();
const url = () => masterUrl(cluster());

describe('POST, GET, HEAD and DELETE', () => {
  test('a stored value is read back with its version', async () => {
    const stored = await store(url(), 'fruit', 'apple');
    expect(stored.status).toBe(200);
    const { version } = stored.json<Entry>();
    expect(stored.json()).toEqual({ key: 'fruit', version: expect.stringMatching(/./) });

    const got = await read(url(), 'fruit');
    expect(got.status).toBe(200);
    expect(got.headers['content-type']).toMatch(/^application\/json/);
    expect(got.headers.etag).toBe(`"${version}"`);
    expect(got.json()).toEqual({ key: 'fruit', value: 'apple', version });
  });

  test('each write gives a new version', async () => {
    const first = (await store(url(), 'versions', 1)).json<Entry>().version;
    const second = (await store(url(), 'versions', 1)).json<Entry>().version;
    expect(second).not.toBe(first);
    expect((await read(url(), 'versions')).json<Entry>().version).toBe(second);
  });

  test('a missing key is 404', async () => {
    expectProblem(await read(url(), 'never stored'), 404, 'ERR_NOT_FOUND');
  });

  test('HEAD says whether a key is there, without a body', async () => {
    await store(url(), 'head', 'x');
    const there = await call(url(), '/data/head', { method: 'HEAD' });
    expect([there.status, there.text]).toEqual([200, '']);
    const missing = await call(url(), '/data/head-missing', { method: 'HEAD' });
    expect([missing.status, missing.text]).toEqual([404, '']);
  });

  test('DELETE removes a key once', async () => {
    await store(url(), 'doomed', 'x');
    const deleted = await remove(url(), 'doomed');
    expect([deleted.status, deleted.json()]).toEqual([200, { deleted: true }]);
    expectProblem(await read(url(), 'doomed'), 404, 'ERR_NOT_FOUND');
    expectProblem(await remove(url(), 'doomed'), 404, 'ERR_NOT_FOUND');
    expect((await call(url(), '/data/doomed', { method: 'HEAD' })).status).toBe(404);
  });

  test('a deleted key can be stored again', async () => {
    await store(url(), 'phoenix', 1);
    await remove(url(), 'phoenix');
    await store(url(), 'phoenix', 2);
    expect((await read(url(), 'phoenix')).json()).toMatchObject({ value: 2 });
  });
});

describe('values', () => {
  test.each<[string, unknown]>([
    ['null', null],
    ['true', true],
    ['false', false],
    ['zero', 0],
    ['a negative fraction', -12.5e-3],
    ['the greatest safe integer', Number.MAX_SAFE_INTEGER],
    ['the greatest double', Number.MAX_VALUE],
    ['the empty string', ''],
    ['a string that looks like JSON', '{"a":1}'],
    ['a string that looks like a number', '0042'],
    ['unicode', 'ключ 鍵 🔑 \u2028'],
    ['escapes and control characters', '"\\/\b\f\n\r\t\u0000\u001f\u007f'],
    ['the empty array', []],
    ['the empty object', {}],
    ['nested', { a: [1, 'two', null, { b: [[[]]] }], ключ: { '': 0 } }],
    ['an object with awkward names', JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":3}')],
  ])('%s comes back as it was', async (name, value) => {
    expect((await store(url(), `value:${name}`, value)).status).toBe(200);
    const entry = (await read(url(), `value:${name}`)).json<Entry>();
    expect(JSON.stringify(entry.value)).toBe(JSON.stringify(value));
    expect(entry.encoding).toBeUndefined();
  });

  test('deep nesting within the size limit is kept', async () => {
    const depth = 500;
    const text = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const stored = await call(url(), '/data', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"key":"deep","value":${text}}`,
    });
    expect(stored.status).toBe(200);
    expect(JSON.stringify((await read(url(), 'deep')).json<Entry>().value)).toBe(text);
  });
});

describe('keys', () => {
  test.each(AWKWARD_KEYS.map((key) => [key]))('%j round-trips', async (key) => {
    const value = { of: key };
    const stored = await store(url(), key, value);
    expect([stored.status, stored.json<Entry>().key]).toEqual([200, key]);
    expect((await read(url(), key)).json()).toMatchObject({ key, value });
    expect((await call(url(), dataPath(key), { method: 'HEAD' })).status).toBe(200);
    expect((await remove(url(), key)).status).toBe(200);
    expect((await read(url(), key)).status).toBe(404);
  });

  test('keys that differ only in their encoding are different keys', async () => {
    await store(url(), 'x/y', 'slash');
    await store(url(), 'x%2Fy', 'percent');
    await store(url(), 'x%252Fy', 'percent twice');
    expect((await call(url(), '/data/x%2Fy')).json()).toMatchObject({ value: 'slash' });
    expect((await call(url(), '/data/x%252Fy')).json()).toMatchObject({ value: 'percent' });
    expect((await call(url(), '/data/x%25252Fy')).json()).toMatchObject({ value: 'percent twice' });
  });

  test('a query string is not part of the key', async () => {
    await store(url(), 'q', 'plain');
    await store(url(), 'q?ttl=1', 'with question mark');
    expect((await call(url(), '/data/q')).json()).toMatchObject({ value: 'plain' });
    expectProblem(await call(url(), '/data/q?ttl=1'), 400, 'ERR_BAD_REQUEST');
    expect((await call(url(), '/data/q%3Fttl=1')).json()).toMatchObject({ value: 'with question mark' });
  });

  test('names of fixed routes are keys like any other', async () => {
    for (const key of ['bulk', 'health', 'incr', 'touch', 'get']) {
      await store(url(), key, `value of ${key}`);
      expect((await read(url(), key)).json()).toMatchObject({ key, value: `value of ${key}` });
      expect((await remove(url(), key)).status).toBe(200);
    }
  });
});
