import { call, JSON_BODY, TestCluster } from '../../test/test-cluster.js';

const TOKENS = 'r:reader-token:read,w:writer-token:write,a:admin-token:admin';

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

  test('a header that is no bearer token is no token', async () => {
    for (const authorization of ['reader-token', 'Bearer', 'Bearer reader-toke', 'Basic reader-token']) {
      expect((await call(cluster.port, 'GET', '/data/k', { headers: { authorization } })).status).toBe(401);
    }
    const authorization = 'bearer  reader-token';
    expect((await call(cluster.port, 'GET', '/data/k', { headers: { authorization } })).status).toBe(404);
  });

  test('connections to the nodes begin with a hello and a proof, and never with the secret', () => {
    const [hello, proof] = cluster.nodes[0]!.calls;
    expect(hello!.slice(0, 7)).toEqual([
      'DCS.HELLO',
      '2',
      '2',
      'role',
      'master',
      'id',
      expect.stringMatching(/^master-/),
    ]);
    expect(proof).toEqual(['DCS.AUTH', expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(cluster.nodes[0]!.calls.flat().join(' ')).not.toContain('cluster-secret');
  });
});
