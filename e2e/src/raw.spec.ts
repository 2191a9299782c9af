import { masterUrl, useCluster } from './cluster.js';
import { type Entry, put, read, readRaw, store } from './data-api.js';
import { call } from './http.js';
import { expectProblem } from './problem.js';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const cluster = useCluster({ aux: 2 });
const url = () => masterUrl(cluster());

describe('PUT and raw GET', () => {
  test('201 for a new key, 200 for one that was there', async () => {
    expect((await put(url(), 'twice', 'one')).status).toBe(201);
    expect((await put(url(), 'twice', 'two')).status).toBe(200);
    expect((await readRaw(url(), 'twice')).text).toBe('two');
  });

  test('all 256 byte values are kept as they are', async () => {
    await put(url(), 'bytes', ALL_BYTES, { 'content-type': 'application/x-thing' });
    const got = await readRaw(url(), 'bytes', 'application/x-thing');
    expect(got.status).toBe(200);
    expect(got.headers['content-type']).toBe('application/x-thing');
    expect(got.headers['content-length']).toBe('256');
    expect(got.body.equals(ALL_BYTES)).toBe(true);
  });

  test('bytes that are not UTF-8 read as base64 in JSON', async () => {
    await put(url(), 'base64', ALL_BYTES);
    const entry = (await read(url(), 'base64')).json<Entry>();
    expect(entry).toMatchObject({ key: 'base64', encoding: 'base64' });
    expect(Buffer.from(entry.value as string, 'base64').equals(ALL_BYTES)).toBe(true);
  });

  test.each([
    'text/plain; charset=utf-8',
    'image/png',
    'text/html',
    'application/vnd.api+json',
    'multipart/form-data; boundary=x',
  ])('the content type %s is kept', async (contentType) => {
    await put(url(), `type:${contentType}`, 'body', { 'content-type': contentType });
    const got = await readRaw(url(), `type:${contentType}`, contentType.split(';')[0]);
    expect([got.status, got.headers['content-type'], got.text]).toEqual([200, contentType, 'body']);
  });

  test.each(['text/*', '*/*;q=0.1, text/plain', 'image/png;q=0.2, text/plain;q=0.9'])(
    'Accept: %s matches text/plain',
    async (accept) => {
      await put(url(), 'accept', 'plain', { 'content-type': 'text/plain' });
      const got = await readRaw(url(), 'accept', accept);
      expect([got.status, got.text]).toEqual([200, 'plain']);
    },
  );

  test('406 when the stored content type is not acceptable', async () => {
    await put(url(), 'not acceptable', 'plain', { 'content-type': 'text/plain' });
    expectProblem(await readRaw(url(), 'not acceptable', 'image/png'), 406, /^ERR_/);
  });

  test('404 for a missing key, whatever is accepted', async () => {
    expectProblem(await readRaw(url(), 'raw missing', 'image/png'), 404, 'ERR_NOT_FOUND');
  });

  test('*/* and no Accept header mean JSON, as clients of the older system expect', async () => {
    await put(url(), 'default', 'plain', { 'content-type': 'text/plain' });
    for (const accept of [undefined, '*/*', 'application/json', 'application/*']) {
      const got = await read(url(), 'default', accept === undefined ? {} : { headers: { accept } });
      expect(got.headers['content-type']).toMatch(/^application\/json/);
      expect(got.json()).toMatchObject({ key: 'default', value: 'plain' });
    }
  });

  test('a JSON string read raw is its text', async () => {
    await store(url(), 'json raw', 'ключ');
    const got = await readRaw(url(), 'json raw', 'text/plain');
    expect([got.status, got.text]).toEqual([200, 'ключ']);
  });

  test('an empty body is a value', async () => {
    expect((await put(url(), 'empty', '')).status).toBe(201);
    const got = await readRaw(url(), 'empty');
    expect([got.status, got.body.length]).toEqual([200, 0]);
    expect((await read(url(), 'empty')).json()).toMatchObject({ value: '' });
    expect((await call(url(), '/data/empty', { method: 'HEAD' })).status).toBe(200);
  });

  test('a body without a content type is taken', async () => {
    const stored = await call(url(), '/data/untyped', { method: 'PUT', body: Buffer.from([0, 255]) });
    expect(stored.status).toBe(201);
    expect((await readRaw(url(), 'untyped')).body).toEqual(Buffer.from([0, 255]));
  });

  test('a raw body that is JSON is not changed by a byte', async () => {
    const text = '{ "a" : 1.0,\n "b":"\\u00e9" }';
    await put(url(), 'raw json', text, { 'content-type': 'application/json; charset=utf-8' });
    const stored = await call(url(), '/data/raw%20json', {
      headers: { accept: 'text/html, application/octet-stream' },
    });
    expect([stored.status, stored.text]).toEqual([200, text]);
    expect((await read(url(), 'raw json')).json<Entry>().value).toBe(text);
  });

  test('a malformed JSON body is bytes like any other', async () => {
    expect((await put(url(), 'bad json', '{', { 'content-type': 'application/json' })).status).toBe(201);
  });

  test('an awkward key works in a path with a query', async () => {
    await put(url(), 'a/b?c%2F', 'x', {}, '?ttl=60');
    const entry = (await read(url(), 'a/b?c%2F')).json<Entry>();
    expect(entry).toMatchObject({ key: 'a/b?c%2F', value: 'x' });
    expect(entry.ttl).toBeGreaterThan(50);
  });
});
