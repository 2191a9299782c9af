import { request } from 'node:http';
import { type HttpAnswer, TestCluster } from '../../test/test-cluster.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start(1, { DCS_ALLOWED_HOSTS: 'cache.example, master, 0.0.0.0' });
});
afterAll(() => cluster.close());

const own = () => `127.0.0.1:${cluster.port}`;
const POST = { 'content-type': 'application/json' };
const stored = () => cluster.nodes[0]!.callsOf('DCS.SET').length;

describe('a host that nobody knows is not answered for', () => {
  test.each([
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '203.0.113.9',
    '0.0.0.0',
    'user@127.0.0.1',
    '[::2]',
    'notlocalhost',
  ])('%s', async (host) => {
    // prettier-ignore
    for (const [method, path] of [['GET', '/data/k'], ['PUT', '/data/k'], ['POST', '/cluster/backup'], ['GET', '/metrics'], ['GET', '/docs'], ['GET', '/nothing']] as const) { // prettier-ignore
      const answer = await cluster.call(method, path, { headers: { host } });
      expect([method, path, answer.status]).toEqual([method, path, 421]);
      expect(answer.json()).toMatchObject({ code: 'ERR_UNKNOWN_HOST', status: 421 });
    }
    expect(cluster.nodes[0]!.callsOf('DCS.BACKUP')).toEqual([]);
  });

  test.each([
    'localhost',
    'LOCALHOST:1',
    'localhost.',
    'app.localhost',
    '127.0.0.1',
    '127.9.9.9:80',
    '[::1]:8080',
    'cache.example',
    'Cache.Example:443',
    'master:8080',
  ])('%s is known', async (host) => {
    // prettier-ignore
    expect((await cluster.call('GET', '/data/k', { headers: { host } })).status).toBe(404);
  });
});

describe('a page of another origin changes nothing', () => {
  const FOREIGN: readonly Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { origin: 'file://' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ];
  const CALLS: readonly [string, string, string | undefined][] = [
    ['POST', '/data', '{"key":"a","value":1}'],
    ['PUT', '/data/a', 'x'],
    ['DELETE', '/data/a', undefined],
    ['POST', '/data/a/incr', undefined],
    ['POST', '/data/a/touch', '{"ttl":1}'],
    ['POST', '/data/bulk', '[{"key":"a","value":1}]'],
    ['POST', '/data/bulk/delete', '["a"]'],
    ['POST', '/cluster/backup', undefined],
    ['POST', '/cluster/nodes/aux-0/drain', undefined],
  ];
  test.each(FOREIGN)('%j', async (headers) => {
    const before = cluster.nodes[0]!.calls.length;
    for (const [method, path, body] of CALLS) {
      const answer = await cluster.call(method, path, {
        headers: { ...POST, ...headers },
        ...(body === undefined ? {} : { body }),
      });
      expect([method, path, answer.status]).toEqual([method, path, 403]);
      expect(answer.json()).toMatchObject({ code: 'ERR_FORBIDDEN' });
    }
    expect(cluster.nodes[0]!.calls.slice(before)).toEqual([]);
  });

  test('it may read, as far as its browser lets it', async () => {
    expect((await cluster.get('k', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })).status).toBe(
      404,
    );
  });

  test('a page of this origin, and what is no page, may', async () => {
    const before = stored();
    const harmless: readonly Record<string, string>[] = [
      { origin: `http://${own()}` },
      { origin: `https://${own()}` },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'same-origin' },
    ];
    for (const headers of harmless) {
      expect((await cluster.post('/data', { key: 'a', value: 1 }, headers)).status).toBe(200);
    }
    const headers = { host: 'cache.example:443', origin: 'https://cache.example' };
    expect((await cluster.post('/data', { key: 'a', value: 1 }, headers)).status).toBe(200);
    expect(stored() - before).toBe(5);
  });

  test('a body of no type is not taken for JSON', async () => {
    const body = '{"key":"untyped","value":1}';
    for (const path of [
      '/data',
      '/data/k/incr',
      '/data/k/touch',
      '/data/bulk',
      '/data/bulk/get',
      '/data/bulk/delete',
    ]) {
      // prettier-ignore
      const answer = await cluster.call('POST', path, { body });
      expect([path, answer.status, answer.json()['code']]).toEqual([path, 415, 'ERR_UNSUPPORTED_MEDIA_TYPE']);
    }
    expect((await cluster.get('untyped')).status).toBe(404);
    expect((await cluster.call('POST', '/data/untyped/incr')).status).toBe(200);
  });
});

describe('every answer has the headers that keep a browser from running it', () => {
  const HEADERS = {
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  };
  beforeAll(async () => {
    const page = { headers: { 'content-type': 'text/html' }, body: '<script>alert(1)</script>' };
    expect((await cluster.call('PUT', '/data/page', page)).status).toBe(201);
  });

  test.each([
    ['GET', '/data/page', { accept: 'text/html' }, 200],
    ['GET', '/data/page', {}, 200],
    ['HEAD', '/data/page', {}, 200],
    ['GET', '/data/none', {}, 404],
    ['GET', '/data/%', {}, 400],
    ['GET', '/nothing', {}, 404],
    ['DELETE', '/cluster', {}, 405],
    ['GET', '/cluster', {}, 200],
    ['GET', '/health', {}, 200],
    ['GET', '/metrics', {}, 200],
    ['GET', '/docs-json', {}, 200],
    ['GET', '/data/k', { host: 'evil.example' }, 421],
    ['POST', '/cluster/backup', { origin: 'null' }, 403],
    ['GET', `/data/${'x'.repeat(20_000)}`, {}, 431],
  ] as [string, string, Record<string, string>, number][])('%s %s %j: %d', async (method, path, headers, status) => {
    const answer = await cluster.call(method, path, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject(HEADERS);
  });

  test('an entry that has not changed, too', async () => {
    const { etag } = (await cluster.get('page')).headers;
    const answer = await cluster.get('page', { 'if-none-match': String(etag) });
    expect([answer.status, answer.headers['x-content-type-options']]).toEqual([304, 'nosniff']);
  });

  test.each(['/docs', '/docs/swagger-ui.css', '/docs/swagger-ui-init.js'])(
    '%s may run our own scripts',
    async (path) => {
      const { headers } = await cluster.call('GET', path);
      expect(headers).toMatchObject({
        ...HEADERS,
        'content-security-policy': expect.stringMatching(/script-src 'self';/),
      });
      expect(headers['content-security-policy']).not.toContain('sandbox');
    },
  );

  test('and so has what is answered before there is a request', async () => {
    const answer = await new Promise<HttpAnswer['headers']>((resolve, reject) => {
      const outgoing = request({ port: cluster.port, host: '127.0.0.1', path: '/', setHost: false }, (response) => {
        response.resume();
        resolve(response.headers);
      });
      outgoing.on('error', reject).end();
    });
    expect(answer).toMatchObject(HEADERS);
  });
});
