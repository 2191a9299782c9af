import { type Redis } from 'ioredis';
import { masterUrl, useCluster } from './cluster.js';
import { type Entry, put, read, readRaw, store } from './data-api.js';
import { AWKWARD_KEYS } from './keys.js';
import { primaryOf, withNode } from './node-client.js';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const cluster = useCluster();
const url = () => masterUrl(cluster());

async function onOwner<T>(key: string, work: (client: Redis) => Promise<T>): Promise<T> {
  return withNode(await primaryOf(cluster(), url(), key), work);
}

describe('stored over HTTP, read over RESP', () => {
  test.each<[string, unknown, string]>([
    ['a string', 'ключ "x"', 'ключ "x"'],
    ['the empty string', '', ''],
    ['a string that looks like JSON', '{"a":1}', '{"a":1}'],
    ['a number', 42, '42'],
    ['null', null, 'null'],
    ['an array', [1, 'a', null], '[1,"a",null]'],
    ['an object', { a: { b: 'ü' } }, '{"a":{"b":"ü"}}'],
  ])('%s', async (name, value, text) => {
    const key = `http:${name}`;
    await store(url(), key, value);
    expect(await onOwner(key, (client) => client.get(key))).toBe(text);
  });

  test('raw bytes', async () => {
    await put(url(), 'http:raw', ALL_BYTES, { 'content-type': 'image/png' });
    expect(await onOwner('http:raw', (client) => client.getBuffer('http:raw'))).toEqual(ALL_BYTES);
  });

  test('a ttl', async () => {
    await store(url(), 'http:ttl', 'x', 60);
    const left = await onOwner('http:ttl', (client) => client.pttl('http:ttl'));
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  test('a counter goes on over RESP and back', async () => {
    await store(url(), 'http:counter', 41);
    expect(await onOwner('http:counter', (client) => client.incr('http:counter'))).toBe(42);
    expect(Number((await read(url(), 'http:counter')).json<Entry>().value)).toBe(42);
  });
});

describe('stored over RESP, read over HTTP', () => {
  test.each(AWKWARD_KEYS.map((key) => [key]))('the key %j', async (key) => {
    await onOwner(key, (client) => client.set(key, `value of ${key}`));
    const entry = (await read(url(), key)).json<Entry>();
    expect(entry).toEqual({ key, value: `value of ${key}`, version: expect.stringMatching(/./) });
    expect(await onOwner(key, (client) => client.del(key))).toBe(1);
    expect((await read(url(), key)).status).toBe(404);
  });

  test('UTF-8 is a JSON string, NUL and line ends included', async () => {
    const value = 'ключ\u0000\r\n"\\ 🔑';
    await onOwner('resp:text', (client) => client.set('resp:text', value));
    const entry = (await read(url(), 'resp:text')).json<Entry>();
    expect([entry.value, entry.encoding]).toEqual([value, undefined]);
  });

  test('a number is a string too, as bytes have no type', async () => {
    await onOwner('resp:number', (client) => client.set('resp:number', 5));
    expect((await read(url(), 'resp:number')).json()).toMatchObject({ value: '5' });
  });

  test('other bytes are base64, and raw as they are', async () => {
    await onOwner('resp:bytes', (client) => client.set('resp:bytes', ALL_BYTES));
    const entry = (await read(url(), 'resp:bytes')).json<Entry>();
    expect([entry.encoding, Buffer.from(String(entry.value), 'base64')]).toEqual(['base64', ALL_BYTES]);
    expect((await readRaw(url(), 'resp:bytes')).body).toEqual(ALL_BYTES);
  });

  test('an expiry', async () => {
    await onOwner('resp:ttl', (client) => client.set('resp:ttl', 'x', 'PX', 60_000));
    const { ttl } = (await read(url(), 'resp:ttl')).json<Entry>();
    expect(ttl).toBeGreaterThan(50);
    expect(ttl).toBeLessThanOrEqual(60);
  });

  test('a write changes the version that a client of HTTP compares with', async () => {
    await store(url(), 'resp:version', 'http');
    const { version } = (await read(url(), 'resp:version')).json<Entry>();
    await onOwner('resp:version', (client) => client.set('resp:version', 'resp'));
    expect((await put(url(), 'resp:version', 'lost', { 'if-match': `"${version}"` })).status).toBe(412);
    expect((await read(url(), 'resp:version')).json()).toMatchObject({ value: 'resp' });
  });
});

describe('routing', () => {
  test('a node that does not own a key says who does', async () => {
    const owner = await primaryOf(cluster(), url(), 'moved');
    // With two owners of three, at least one node is no owner: ask all of them.
    const answers = await Promise.all(
      cluster().aux.map((node) =>
        withNode(node, (client) => client.get('moved').then(String, (error: Error) => error.message)),
      ),
    );
    const moved = answers.filter((answer) => answer.startsWith('MOVED '));
    expect(moved.length).toBeGreaterThan(0);
    for (const answer of moved) expect(answer).toMatch(new RegExp(`^MOVED \\d+ ${owner.host}:${owner.dataPort}$`));
  });
});
