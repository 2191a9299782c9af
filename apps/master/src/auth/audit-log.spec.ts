import { type FastifyRequest } from 'fastify';
import { pino } from 'pino';
import { TestCluster } from '../../test/test-cluster.js';
import { AuditLog } from './audit-log.js';

const TOKENS = 'ann:reader-token:read,eve:admin-token:admin';

interface Line {
  readonly msg: string;
  readonly [name: string]: unknown;
}

describe('a gateway with tokens', () => {
  const lines: Line[] = [];
  const audited = () => lines.filter(({ msg }) => msg.startsWith('audit: '));
  let cluster: TestCluster;
  beforeAll(async () => {
    const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
    cluster = await TestCluster.start(1, { DCS_API_TOKENS: TOKENS }, log);
  });
  beforeEach(() => void (lines.length = 0));
  afterAll(() => cluster.close());
  const as = (token: string, more = {}) => ({ headers: { authorization: `Bearer ${token}`, ...more } });

  test("logs an administrator's calls with the name of the token, and what came of them", async () => {
    await cluster.call('POST', '/cluster/nodes/nobody/drain?x', as('admin-token', { 'x-request-id': 'r1' }));
    await cluster.call('POST', '/cluster/backup', as('admin-token', { 'x-forwarded-for': '203.0.113.9' }));
    await cluster.call('GET', '/cluster', as('admin-token'));
    expect(audited()).toEqual([
      expect.objectContaining({ msg: 'audit: administered', token: 'eve', path: '/cluster/nodes/nobody/drain', status: 400, requestId: 'r1', client: '127.0.0.1' }), // prettier-ignore
      expect.objectContaining({ token: 'eve', path: '/cluster/backup', status: 202, forwardedFor: '203.0.113.9' }),
    ]);
  });

  test('logs and counts who is refused, by route; never a token, nor a key', async () => {
    const before = (await cluster.call('GET', '/metrics')).text;
    expect(before).toMatch(/dcs_http_refused_total\{method="POST",route="\/cluster\/backup",status="403"[^}]*\} 0\n/);
    expect(before).toMatch(/dcs_http_refused_total\{method="GET",route="\/data\/:key",status="401"[^}]*\} 0\n/);
    await cluster.call('GET', '/data/private-key', as('wrong-token-value'));
    await cluster.call('GET', '/data/other-key');
    await cluster.call('PUT', '/data/private-key', as('reader-token'));
    await cluster.call('POST', '/cluster/backup', as('reader-token'));
    await cluster.call('GET', '/nothing');
    expect(audited().map(({ msg, token, method, route, status }) => [msg, token, method, route, status])).toEqual([
      ['audit: refused', null, 'GET', '/data/:key', 401],
      ['audit: refused', null, 'GET', '/data/:key', 401],
      ['audit: refused', 'ann', 'PUT', '/data/:key', 403],
      ['audit: refused', 'ann', 'POST', '/cluster/backup', 403],
      ['audit: refused', null, 'GET', '*', 401],
    ]);
    const text = JSON.stringify(lines);
    for (const secret of ['wrong-token-value', 'reader-token', 'admin-token', 'private-key']) {
      expect(text).not.toContain(secret);
    }
    const metrics = (await cluster.call('GET', '/metrics')).text;
    expect(metrics).toMatch(/dcs_http_refused_total\{method="GET",route="\/data\/:key",status="401"[^}]*\} 2\n/);
    expect(metrics).toMatch(/dcs_http_refused_total\{method="PUT",route="\/data\/:key",status="403"[^}]*\} 1\n/);
  });
});

test('a flood of refused calls is counted in full, and logged as far as a reader can follow', () => {
  const lines: Line[] = [];
  let now = 0;
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const audit = new AuditLog({ log, now: () => now });
  const request = { method: 'GET', is404: true, raw: { headers: {}, socket: {} } } as unknown as FastifyRequest;
  for (let i = 0; i < 1000; i++) audit.failed(request, 'ERR_UNAUTHORIZED');
  audit.failed(request, 'ERR_NOT_FOUND');
  expect(lines).toHaveLength(20);
  expect([...audit.refusedCalls]).toEqual([{ status: 401, method: 'GET', route: '*', count: 1000 }]);
  now += 1000;
  for (let i = 0; i < 10; i++) audit.failed(request, 'ERR_UNAUTHORIZED');
  expect(lines.slice(20)).toEqual([expect.objectContaining({ unlogged: 980 }), expect.anything()]);
});
