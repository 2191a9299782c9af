import { connect } from 'node:net';
import { TestCluster } from '../../test/test-cluster.js';
import { AllowedMethods } from './allowed-methods.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start(1, { DCS_HTTP_REQUEST_TIMEOUT_MS: '300' });
});
afterAll(() => cluster.close());

/** What comes back for bytes that need be no HTTP. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(cluster.port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

test.each([
  ['POST', '/data/k', 'DELETE, GET, HEAD, PUT'],
  ['PATCH', '/data/a%2Fb', 'DELETE, GET, HEAD, PUT'],
  ['GET', '/data', 'POST'],
  ['GET', '/data/k/incr', 'POST'],
  ['DELETE', '/health', 'GET, HEAD'],
  ['POST', '/cluster', 'GET, HEAD'],
  ['OPTIONS', '/data?x=1', 'POST'],
])('%s %s is a wrong method', async (method, path, allow) => {
  const answer = await cluster.call(method, path);
  expect(answer.status).toBe(405);
  expect(answer.headers['allow']).toBe(allow);
  expect(answer.json()).toMatchObject({ status: 405, code: 'ERR_METHOD_NOT_ALLOWED' });
});

test.each(['/', '/dat', '/data/a/b', '/cluster/nodes', '/health/x'])('%s is a wrong path', async (path) => {
  const answer = await cluster.call('GET', path);
  expect(answer.status).toBe(404);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({ code: 'ERR_NOT_FOUND', detail: 'there is nothing at this path' });
});

test.each(['/data/%', '/data/%E0%A4', '/data/a%2', '/cluster/keys/%FF'])(
  '%s is no percent-encoding of UTF-8',
  async (path) => {
    const answer = await cluster.call('GET', path);
    expect(answer.json()).toMatchObject({ status: 400, code: 'ERR_KEY_INVALID' });
  },
);

test('a key that is empty or too long is named as such', async () => {
  expect((await cluster.call('GET', '/data/')).json()).toMatchObject({ code: 'ERR_KEY_INVALID' });
  expect((await cluster.call('GET', `/data/${'%61'.repeat(600)}`)).json()).toMatchObject({
    status: 400,
    detail: 'key must be 1-512 bytes of UTF-8, got 600',
  });
});

test('headers past the bound: 431', async () => {
  const text = await raw(`GET /data/${'x'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  expect(text).toMatch(/^HTTP\/1\.1 431 /);
  expect(text).toContain('"code":"ERR_HEADERS_TOO_LARGE"');
});

test('bytes that are no HTTP: 400', async () => {
  const text = await raw('hello\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(text).toContain('content-type: application/problem+json');
  expect(text).toContain('"code":"ERR_BAD_REQUEST"');
});

test('a client that sends more than is taken can read why', async () => {
  for (const megabytes of [9, 30]) {
    const body = Buffer.alloc(megabytes * 2 ** 20, 'x');
    const answer = await cluster.call('POST', '/data/bulk', { headers: { 'content-type': 'application/json' }, body });
    expect(answer.json()).toMatchObject({ status: 413, code: 'ERR_VALUE_TOO_LARGE' });
  }
});

test('a body that will be too large is refused before it comes, and one without end is cut off', async () => {
  const start = 'POST /data HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  expect(await raw(`${start}content-length: 99999999999\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/);
});

test('a body that does not come: 408', async () => {
  // Node looks for late requests twice a minute by default; the bound is what is tested here.
  const { server } = cluster.application.nest.getHttpAdapter().getInstance() as unknown as { server: { requestTimeout: number; headersTimeout: number; maxConnections: number; keepAliveTimeout: number } }; // prettier-ignore
  expect(server).toMatchObject({ requestTimeout: 300, headersTimeout: 300, maxConnections: 10_000, keepAliveTimeout: 75_000 }); // prettier-ignore
});

test('patterns tell which methods a path has', () => {
  const allowed = new AllowedMethods();
  allowed.add('/a/:b', ['GET', 'HEAD']);
  allowed.add('/a/x.y', 'POST');
  allowed.add('/docs/*', 'GET');
  expect(allowed.of('/a/1?q')).toEqual(['GET', 'HEAD']);
  expect(allowed.of('/a/x.y')).toEqual(['GET', 'HEAD', 'POST']);
  expect(allowed.of('/a/xzy')).toEqual(['GET', 'HEAD']);
  expect(allowed.of('/a')).toEqual([]);
  expect(allowed.of('/docs/1')).toEqual([]);
});
