import { masterUrl, useCluster } from './cluster.js';
import { call, type CallOptions } from './http.js';
import { withNode } from './node-client.js';
import { expectProblem } from './problem.js';

const READER = 'reader-0123456789abcdef';
const WRITER = 'writer-0123456789abcdef';
const ADMIN = 'admin-0123456789abcdef';
const SECRET = 'cluster-secret-0123456789';

const cluster = useCluster({
  aux: 2,
  env: {
    DCS_API_TOKENS: `ann:${READER}:read,bob:${WRITER}:write,eve:${ADMIN}:admin`,
    DCS_CLUSTER_SECRET: SECRET,
  },
});
const url = () => masterUrl(cluster());

const READS: readonly [string, string, CallOptions][] = [
  ['GET', '/data/x', {}],
  ['HEAD', '/data/x', {}],
  ['POST', '/data/bulk/get', { json: ['x'] }],
  ['GET', '/cluster', {}],
  ['GET', '/cluster/keys/x', {}],
];
const WRITES: readonly [string, string, CallOptions][] = [
  ['POST', '/data', { json: { key: 'x', value: 1 } }],
  ['PUT', '/data/x', { body: 'x', headers: { 'content-type': 'text/plain' } }],
  ['POST', '/data/n/incr', { json: {} }],
  ['POST', '/data/n/touch', { json: { ttl: 60 } }],
  ['POST', '/data/bulk', { json: [{ key: 'x', value: 1 }] }],
  ['POST', '/data/bulk/delete', { json: ['x'] }],
  ['DELETE', '/data/n', {}],
];
const ADMINS: readonly [string, string, CallOptions][] = [['POST', '/cluster/nodes/nobody/drain', {}]];
const send = (method: string, path: string, options: CallOptions, more: CallOptions = {}) =>
  call(url(), path, { ...options, ...more, method, headers: { ...options.headers, ...more.headers } });

describe.each([...READS, ...WRITES, ...ADMINS])('%s %s', (method, path, options) => {
  test('without a token is 401', async () => {
    const answer = await send(method, path, options);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    if (method === 'HEAD') expect(answer.status).toBe(401);
    else expectProblem(answer, 401, 'ERR_UNAUTHORIZED');
  });

  test('with a wrong token is 401', async () => {
    for (const token of ['wrong', `${WRITER}x`, WRITER.slice(0, -1), WRITER.toUpperCase(), '']) {
      expect((await send(method, path, options, { token })).status).toBe(401);
    }
    const basic = `Basic ${Buffer.from(`bob:${WRITER}`).toString('base64')}`;
    expect((await send(method, path, options, { headers: { authorization: basic } })).status).toBe(401);
  });
});

test.each(READS)('%s %s is for every role', async (method, path, options) => {
  for (const token of [READER, WRITER, ADMIN]) {
    expect([200, 404]).toContain((await send(method, path, options, { token })).status);
  }
});

test.each(WRITES)('%s %s is for writers and admins only', async (method, path, options) => {
  expectProblem(await send(method, path, options, { token: READER }), 403, 'ERR_FORBIDDEN');
  for (const token of [WRITER, ADMIN]) {
    expect([200, 201, 404]).toContain((await send(method, path, options, { token })).status);
  }
});

test.each(ADMINS)('%s %s is for admins only', async (method, path, options) => {
  for (const token of [READER, WRITER]) {
    expectProblem(await send(method, path, options, { token }), 403, 'ERR_FORBIDDEN');
  }
  expect([401, 403]).not.toContain((await send(method, path, options, { token: ADMIN })).status);
});

test('a refused body is not waited for', async () => {
  const body = Buffer.alloc(2 ** 20);
  expect((await send('PUT', '/data/x', { body })).status).toBe(401);
});

test.each(['/health', '/health/live', '/health/ready'])('%s needs no token', async (path) => {
  expect((await call(url(), path)).status).toBe(200);
});

test('tokens and secrets are in no answer and no log', async () => {
  const answers = await Promise.all(
    ['/cluster', '/metrics', '/docs-json', '/health/ready'].map((path) => call(url(), path, { token: ADMIN })),
  );
  const names = [...cluster().masters, ...cluster().aux].map(({ name }) => name);
  const text = [...answers.map((answer) => answer.text), ...names.map((name) => String(cluster().logs(name)))].join(
    '\n',
  );
  for (const secret of [READER, WRITER, ADMIN, SECRET]) expect(text).not.toContain(secret);
});

describe('the data port of a node', () => {
  const node = () => cluster().aux[0] ?? { host: '', dataPort: 0 };

  test('wants a token of the HTTP API, and gives its role', async () => {
    await withNode(
      node(),
      async (client) => {
        await expect(client.flushall()).rejects.toThrow(/^NOAUTH /);
        for (const wrong of [['wrong'], ['ann', ADMIN], [SECRET]]) {
          await expect(client.call('AUTH', ...wrong)).rejects.toThrow(/^WRONGPASS /);
        }
        await expect(client.dbsize()).rejects.toThrow(/^NOAUTH /);
        expect(await client.call('AUTH', 'bob', WRITER)).toBe('OK');
        expect(await client.dbsize()).toEqual(expect.any(Number));
        await expect(client.flushall()).rejects.toThrow(
          "NOPERM User bob has no permissions to run the 'flushall' command",
        );
      },
      { enableReadyCheck: false },
    );
  });

  test('takes it from a client that is configured with it', async () => {
    const options = { username: 'eve', password: ADMIN };
    expect(await withNode(node(), (client) => client.flushall(), options)).toBe('OK');
    expect(await withNode(node(), (client) => client.ping(), { password: READER })).toBe('PONG');
  });
});
