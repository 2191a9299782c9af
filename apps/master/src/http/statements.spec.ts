import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { JSON_BODY, TestCluster } from '../../test/test-cluster.js';
import { ClusterController } from '../cluster/cluster.controller.js';
import { DataController } from '../data/data.controller.js';
import { CONDITION_HEADERS, gatewayRouteOf } from './access.js';
import { directRoutesOf } from './direct-routes.js';

const NGINX_ROUTES = join(__dirname, '../../../../infra/nginx/templates/routes.conf.template');

/** Every route of the data and cluster calls: the method, a path of it, and what it declares. */
const ROUTES = [DataController, ClusterController].flatMap((controller) =>
  directRoutesOf(controller).map(({ method, url, handler }) => ({
    method: String(method),
    path: url.replace(':key', 'some').replace(':id', 'nobody'),
    route: gatewayRouteOf((controller.prototype as unknown as Record<string, object>)[handler]!)!,
  })),
);

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start(1);
});
afterAll(() => cluster.close());

/** What was sent back to raw bytes, until the connection ends. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(cluster.port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

const statuses = (answers: string): string[] => answers.match(/HTTP\/1\.1 \d{3}/g) ?? [];

test.each(ROUTES.map(({ method, path, route }) => [`${method} ${path}`, { method, path, route }] as const))(
  '%s refuses what it does not read',
  async (_, { method, path, route }) => {
    await cluster.call('PUT', '/data/some', { body: 'kept' });
    const body = route.body === 'none' ? '' : route.body === 'raw' ? 'x' : '{}';
    const type = route.body === 'none' || route.body === 'raw' ? {} : JSON_BODY;
    const call = (headers: Record<string, string>, query = '') =>
      cluster.call(method, `${path}${query}`, { headers: { ...type, ...headers }, ...(body === '' ? {} : { body }) });
    for (const name of CONDITION_HEADERS.filter((header) => !route.conditions.includes(header))) {
      const answer = await call({ [name]: name === 'if-none-match' || name === 'if-match' ? '*' : 'bytes=0-1' });
      expect([name, answer.status]).toEqual([name, 400]);
    }
    expect((await call({}, '?unknown=1')).status).toBe(400);
    expect((await call({}, '?ttl=1&ttl=2')).status).toBe(400);
    expect((await call({ 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await call({ 'content-range': 'bytes 3-5/10' })).status).toBe(400);
    if (route.body !== 'raw' && route.body !== 'none') expect((await call({ 'content-type': 'text/plain' })).status).toBe(415); // prettier-ignore
    if (route.body === 'none' && method !== 'HEAD') {
      expect((await cluster.call(method, path, { headers: JSON_BODY, body: '{"if":1}' })).status).toBe(400);
    }
    const kept = await cluster.get('some', { accept: 'application/octet-stream' });
    expect(kept.text).toBe('kept');
  },
);

test('a condition behind a thousand headers counts', async () => {
  await cluster.call('PUT', '/data/kept', { body: 'kept' });
  const headers = Array.from({ length: 1200 }, (_, i) => `a${i}: b`).join('\r\n');
  const answer = await raw(
    `PUT /data/kept HTTP/1.1\r\nhost: localhost\r\n${headers}\r\nif-match: "x"\r\nconnection: close\r\ncontent-length: 1\r\n\r\ny`,
  );
  expect(statuses(answer)).toEqual(['HTTP/1.1 412']);
  expect((await cluster.get('kept', { accept: 'application/octet-stream' })).text).toBe('kept');
});

test.each([
  ['content-type: text/plain\r\ncontent-type: text/html', 400],
  ['authorization: Bearer a\r\nAuthorization: Bearer b', 400],
  ['if-match: "a"\r\nif-match: "b"', 400],
  ['transfer-encoding: gzip, chunked', 415],
  ['expect: something', 417],
  ['content-type: text/plain\tx', 415],
])('%j is refused with %i', async (header, status) => {
  const answer = await raw(
    `PUT /data/h HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${header}\r\n\r\n0\r\n\r\n`,
  );
  expect(statuses(answer)[0]).toBe(`HTTP/1.1 ${status}`);
});

test('what comes before garbage in one piece is answered before it, in order', async () => {
  const put = (key: string) => `PUT /data/${key} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx`;
  const answers = await raw(`${put('pair1')}${put('pair2')}GARBAGE\r\n\r\n`);
  expect(statuses(answers)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 201', 'HTTP/1.1 400']);
  expect((await cluster.get('pair2', { accept: 'application/octet-stream' })).text).toBe('x');
  expect(statuses(await raw('GARBAGE\r\n\r\n'))).toEqual(['HTTP/1.1 400']);
});

describe('the load balancer', () => {
  /** The patterns of one map of Nginx with their values, in order. */
  function mapOf(name: string): [RegExp, string][] {
    const text = readFileSync(NGINX_ROUTES, 'utf8');
    const block = new RegExp(String.raw`map [^{]*\$${name} \{([^}]*(?:\}[^}\n]*[^}]*)*?)\n\}`).exec(text)![1]!;
    return [...block.matchAll(/"~(.+)" (\w+);/g)].map(([, pattern, value]) => [new RegExp(pattern!), value!]);
  }
  const valueIn = (map: [RegExp, string][], line: string) => map.find(([pattern]) => pattern.test(line))?.[1];

  test.each(ROUTES.map(({ method, path, route }) => [`${method} ${path}`, route] as const))(
    'repeats %s as its route declares',
    (line, { repeatable, access }) => {
      if (access === 'admin') return expect(valueIn(mapOf('dcs_area'), line)).toBeUndefined(); // does not get in
      const kind = valueIn(mapOf('dcs_kind'), line) ?? 'other';
      expect(kind === 'read' || kind === 'write').toBe(repeatable === true);
      // Of the others only those with an Idempotency-Key are repeated.
      expect(valueIn(mapOf('dcs_retry'), 'other plain token')).toBe('repeat');
      expect(valueIn(mapOf('dcs_retry'), 'other plain none')).toBeUndefined();
      expect(valueIn(mapOf('dcs_area'), line)).toBeDefined();
    },
  );
});
