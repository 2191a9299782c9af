import { call, JSON_BODY, TestCluster } from '../../test/test-cluster.js';
import { ApiTokens, allows } from './api-tokens.js';

const TOKENS = 'r:reader-token:read,w:writer-token:write,a:admin-token:admin';

test('tokens have roles, and each role what is below it', () => {
  const tokens = new ApiTokens([{ name: 'w', token: 'writer-token', role: 'write' }]);
  expect(tokens.callerOf('Bearer writer-token')).toMatchObject({ name: 'w', role: 'write' });
  expect(tokens.callerOf('bearer  writer-token')).toMatchObject({ role: 'write' });
  for (const header of [undefined, '', 'writer-token', 'Bearer', 'Bearer writer-toke', 'Basic writer-token']) {
    expect(tokens.callerOf(header)).toBeUndefined();
  }
  expect([allows('read', 'read'), allows('read', 'write'), allows('admin', 'write')]).toEqual([true, false, true]);
});

describe('a gateway with tokens', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start(1, { DCS_API_TOKENS: TOKENS, DCS_CLUSTER_SECRET: 'cluster-secret' });
  });
  afterAll(() => cluster.close());

  test.each([
    ['GET', '/data/k', undefined, 'read', 404],
    ['HEAD', '/data/k', undefined, 'read', 404],
    ['POST', '/data/bulk/get', '["a"]', 'read', 200],
    ['GET', '/cluster', undefined, 'read', 200],
    ['GET', '/cluster/keys/k', undefined, 'read', 200],
    ['POST', '/data', '{"key":"a","value":1}', 'write', 200],
    ['PUT', '/data/k2', 'x', 'write', 201],
    ['POST', '/data/k3/incr', '{}', 'write', 200],
    ['POST', '/data/k3/touch', '{"ttl":5}', 'write', 200],
    ['POST', '/data/bulk', '[]', 'write', 200],
    ['POST', '/data/bulk/delete', '["a"]', 'write', 200],
    ['DELETE', '/data/k4', undefined, 'write', 404],
    ['POST', '/cluster/nodes/aux-0/drain', undefined, 'admin', 202],
    ['POST', '/cluster/backup', undefined, 'admin', 202],
    ['GET', '/nothing', undefined, 'read', 404],
  ])('%s %s needs the right token', async (method, path, body, role, status) => {
    const as = async (token?: string) => {
      const headers = { ...JSON_BODY, ...(token ? { authorization: `Bearer ${token}` } : {}) };
      return call(cluster.port, method, path, { headers, ...(body === undefined ? {} : { body }) });
    };
    for (const token of [undefined, 'wrong-token']) {
      const refused = await as(token);
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toBe('Bearer realm="dcs"');
      if (method !== 'HEAD') expect(refused.json()).toMatchObject({ code: 'ERR_UNAUTHORIZED', status: 401 });
    }
    const weaker = { read: undefined, write: 'reader-token', admin: 'writer-token' }[role];
    if (weaker) expect((await as(weaker)).json()).toMatchObject({ code: 'ERR_FORBIDDEN', status: 403 });
    expect((await as({ read: 'reader-token', write: 'writer-token', admin: 'admin-token' }[role])).status).toBe(status);
  });

  test.each(['/health', '/health/live', '/health/ready', '/metrics', '/docs', '/docs-json'])(
    '%s is open',
    async (path) => {
      expect((await call(cluster.port, 'GET', path)).status).toBe(200);
    },
  );

  test('any host will do: a page of another site has no token', async () => {
    const headers = { host: 'elsewhere.example', authorization: 'Bearer reader-token' };
    expect((await call(cluster.port, 'GET', '/data/k', { headers })).status).toBe(404);
  });

  test('connections to the nodes begin with the cluster secret and the hello', () => {
    const [auth, hello] = cluster.nodes[0]!.calls;
    expect(auth).toEqual(['AUTH', 'cluster-secret']);
    expect(hello!.slice(0, 3)).toEqual(['DCS.HELLO', '1', 'master']);
  });
});
