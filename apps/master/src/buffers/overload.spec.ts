import { type EventEmitter } from 'node:events';
import fc from 'fast-check';
import { RawClient } from '../../test/raw-client.js';
import { TestCluster, until } from '../../test/test-cluster.js';

const MIB = 2 ** 20;
/** A quarter for bodies, a quarter for answers. */
const HEAP_BYTES = 64 * MIB;
const BUDGET_BYTES = 16 * MIB;
/** Reads as JSON it is six times as large. */
const WORST = Buffer.alloc(MIB, 0x01);
const START = 'HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

let cluster: TestCluster;
let clients: RawClient[] = [];
const buffers = () => cluster.gateway.buffers;
const reads = () => cluster.nodes[0]!.callsOf('DCS.GET').length;
async function open(): Promise<RawClient> {
  const client = await RawClient.open(cluster.port);
  clients.push(client);
  return client;
}
async function closeAll(): Promise<void> {
  for (const client of clients) client.close();
  clients = [];
  await until(() => buffers().answers.used === 0 && buffers().bodies.used === 0 && cluster.gateway.metrics.inFlight === 0); // prettier-ignore
}

beforeAll(async () => {
  cluster = await TestCluster.start(1, {}, undefined, HEAP_BYTES);
  for (let i = 0; i < 20; i++) {
    expect((await cluster.call('PUT', `/data/worst-${i}`, { body: WORST })).status).toBe(201);
  }
  expect((await cluster.post('/data', { key: 'small', value: 1 })).status).toBe(200);
});
afterEach(closeAll);
afterAll(() => cluster.close());

test('1000 pipelined reads of one large value, and nothing read: a few are worked on, and share one answer', async () => {
  const before = reads();
  const client = await open();
  client.get('worst-0', 1000);
  await until(() => buffers().answers.used > 6 * MIB);
  await cluster.get('small'); // what there was to do is done
  expect(reads() - before).toBeLessThanOrEqual(8 + 1);
  expect(buffers().answers.used).toBeLessThan(7 * MIB + 1000 * 4096);
  client.read();
  await until(() => client.text.length > 13 * MIB);
  expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

test('a connection whose requests find no room to wait is cut off, and not parsed to its end', async () => {
  let requests = 0;
  const count = () => void requests++;
  const server = cluster.application.nest.getHttpServer() as EventEmitter;
  const { answers } = buffers();
  const client = await open();
  let taken = 0;
  while (answers.take(4096)) taken += 4096;
  server.on('request', count);
  client.read();
  client.get('none', 1000);
  await until(() => client.socket.destroyed);
  server.off('request', count);
  answers.give(taken);
  expect(requests).toBe(9);
});

test('answers come in the order of the requests, however many wait', async () => {
  const client = await open();
  const keys = Array.from({ length: 60 }, (_, i) => (i % 7 === 0 ? 'small' : `none-${i}`));
  for (const key of keys) client.get(key);
  client.read();
  await until(() => (client.text.match(/HTTP\/1\.1 /g) ?? []).length === keys.length);
  const statuses = [...client.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  expect(statuses).toEqual(keys.map((key) => (key === 'small' ? '200' : '404')));
});

test('150 readers of one large value share its answer', async () => {
  const answered = () => cluster.gateway.metrics.count('get', 'ok');
  const before = answered();
  const all = await Promise.all(Array.from({ length: 150 }, open));
  for (const client of all) client.get('worst-1');
  // Those that came when the first read was under way share the next one.
  await until(() => answered() - before === 150);
  expect(buffers().answers.used).toBeGreaterThan(6 * MIB);
  expect(buffers().answers.used).toBeLessThan(BUDGET_BYTES);
});

test('past the budget a read is refused before it is encoded; small ones are served', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, open));
  all.forEach((client, i) => client.get(`worst-${i}`));
  await until(() => cluster.gateway.metrics.inFlight === 0 && buffers().answers.used > 6 * MIB);
  expect(buffers().answers.used).toBeLessThanOrEqual(BUDGET_BYTES);
  const refused = await cluster.get('worst-19');
  expect(refused.json()).toMatchObject({ status: 503, code: 'ERR_OVERLOADED' });
  expect(refused.headers['retry-after']).toBe('1');
  const bulk = await cluster.post('/data/bulk/get', ['worst-1', 'worst-2']);
  expect(bulk.json()).toMatchObject({ status: 503, code: 'ERR_OVERLOADED' });
  expect((await cluster.get('small')).status).toBe(200);
  expect((await cluster.post('/data/bulk/get', ['small'])).json()).toEqual({ small: 1 });
  await closeAll();
  expect((await cluster.get('worst-19')).status).toBe(200);
});

test('unfinished bodies hold what has come of them, and no more of them are read than there is room', async () => {
  const all = await Promise.all(Array.from({ length: 150 }, open));
  for (const client of all) {
    client.send(`POST /data/bulk ${START}content-length: ${8 * MIB}\r\n\r\n`);
    client.send(Buffer.alloc(256 * 1024, '['));
    client.read();
  }
  await until(() => all.some(({ text }) => text !== ''));
  expect(buffers().bodies.used).toBeLessThanOrEqual(BUDGET_BYTES);
  for (const { text } of all.filter((each) => each.text !== '')) {
    expect(text).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1\r\n[^]*"code":"ERR_OVERLOADED"/);
  }
  expect((await cluster.post('/data', { key: 'small', value: 1 })).status).toBe(200);
});

test('a body that ends too early is answered and holds nothing', async () => {
  const ended = await open();
  ended.send(`PUT /data/k ${START}content-length: ${MIB}\r\n\r\n`);
  ended.send(Buffer.alloc(100_000));
  await until(() => buffers().bodies.used > 0);
  ended.read();
  ended.socket.end();
  await until(() => ended.socket.destroyed && buffers().bodies.used === 0);
  expect(ended.text).toMatch(/^HTTP\/1\.1 400 /);
});

test('a body that nobody asked for holds nothing once it is answered', async () => {
  for (const path of ['/cluster/backup', '/cluster/nodes/x/drain', '/nothing', '/health', '/data/bulk/x']) {
    await cluster.call('POST', path, { headers: { 'content-type': 'application/json' }, body: '{}' });
  }
  expect(buffers().bodies.used).toBe(0);
});

test('an announcement alone holds nothing', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, open));
  for (const client of all) client.send(`POST /data/bulk ${START}content-length: ${8 * MIB}\r\n\r\n`);
  expect((await cluster.call('PUT', '/data/one', { body: WORST })).status).toBeLessThan(300);
  expect(buffers().bodies.used).toBe(0);
});

test('a body in very many chunks takes no more than one in one piece', async () => {
  const client = await open();
  client.send(`PUT /data/chunked ${START}transfer-encoding: chunked\r\n\r\n`);
  const { heapUsed } = process.memoryUsage();
  client.send('1\r\nx\r\n'.repeat(100_000));
  await until(() => buffers().bodies.used >= 100_000);
  expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(16 * MIB);
  client.send('0\r\n\r\n');
  client.read();
  await until(() => client.text !== '');
  expect(client.text).toMatch(/^HTTP\/1\.1 201 /);
});

test('a body that is not wanted is not asked for: no "100 Continue" before 413 or 401', async () => {
  const client = await open();
  client.read();
  client.send(`POST /data/bulk ${START}expect: 100-continue\r\ncontent-length: ${20 * MIB}\r\n\r\n`);
  await until(() => client.text.includes('\r\n\r\n'));
  expect(client.text).toMatch(/^HTTP\/1\.1 413 /);
  const wanted = await open();
  wanted.read();
  wanted.send(`PUT /data/c ${START}expect: 100-continue\r\ncontent-length: 1\r\n\r\n`);
  await until(() => wanted.text.includes('\r\n\r\n'));
  expect(wanted.text).toMatch(/^HTTP\/1\.1 100 /);
  wanted.send('x');
  await until(() => wanted.text.includes('HTTP/1.1 201 '));
});

test('wherever connections break, nothing stays taken', async () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('get' as const), key: fc.nat(4), times: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ do: fc.constant('body' as const), announced: fc.integer({ min: 1, max: 2 * MIB }), sent: fc.nat(MIB) }),
    fc.record({ do: fc.constant('read' as const) }),
    fc.record({ do: fc.constant('turn' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(action, { maxLength: 4 }), { minLength: 1, maxLength: 6 }), async (scripts) => {
      await Promise.all(
        scripts.map(async (script) => {
          const client = await open();
          for (const step of script) {
            if (step.do === 'get') client.get(step.key === 4 ? 'small' : `worst-${step.key}`, step.times);
            if (step.do === 'read') client.read();
            if (step.do === 'turn') await new Promise(setImmediate);
            if (step.do !== 'body') continue;
            client.send(`PUT /data/p ${START}content-length: ${step.announced}\r\n\r\n`);
            client.send(Buffer.alloc(Math.min(step.sent, step.announced), 'x'));
          }
        }),
      );
      await closeAll();
    }),
    { numRuns: 10 },
  );
  expect((await cluster.get('worst-0')).status).toBe(200);
});

describe('what would take long is refused before it begins', () => {
  const json = { 'content-type': 'application/json' };
  test.each([
    ['6 MB of brackets', '/data', '['.repeat(6_000_000), 400],
    ['an object of 500,000 fields', '/data', `{"key":"k","value":{${Array.from({ length: 500_000 }, (_, i) => `"${i}":0`).join(',')}}}`, 400], // prettier-ignore
    ['a million empty objects', '/data/bulk', `[{"key":"k","value":[${'{},'.repeat(1_000_000)}0]}]`, 400],
    ['four million items', '/data/bulk/get', `[${'0,'.repeat(4_000_000)}0]`, 400],
    ['an array for a key', '/data/bulk/delete', `[[${'[],'.repeat(2_000_000)}0]]`, 400],
  ])('%s', async (_, path, body, status) => {
    const parse = jest.spyOn(JSON, 'parse');
    const answer = await cluster.call('POST', path, { headers: json, body });
    const longest = Math.max(0, ...parse.mock.calls.map(([text]) => text.length));
    parse.mockRestore();
    expect(answer.status).toBe(status);
    expect(longest).toBeLessThan(10_000);
  });

  test('a bulk read of more than it may answer encodes no more than that', async () => {
    const stringify = jest.spyOn(JSON, 'stringify');
    const answer = await cluster.post(
      '/data/bulk/get',
      Array.from({ length: 20 }, (_, i) => `worst-${i}`),
    );
    const encoded = stringify.mock.calls.filter(([value]) => typeof value === 'string' && value.length >= MIB).length;
    stringify.mockRestore();
    expect(answer.json()).toMatchObject({ status: 413, code: 'ERR_VALUE_TOO_LARGE' });
    expect(encoded).toBeLessThanOrEqual(3);
  });

  test('once values have turned out to be large, a bulk read asks for no more of them than it may answer', async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `worst-${i}`);
    for (let i = 0; i < 3; i++) await cluster.post('/data/bulk/get', keys);
    const before = reads();
    expect((await cluster.post('/data/bulk/get', keys)).status).toBe(413);
    expect(reads() - before).toBeLessThanOrEqual(10);
  });
});
