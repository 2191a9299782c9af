import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { dataPath } from '../data-api.js';
import { eventually } from '../eventually.js';
import { type Answer, call, type CallOptions } from '../http.js';
import { AWKWARD_KEYS } from '../keys.js';
import { expectProblem } from '../problem.js';
import { FakeMaster } from './fake-master.js';
import { LoadBalancer } from './load-balancer.js';
import { freePort, run } from './program.js';

const MAX_BODY_BYTES = 8_388_608;

const masters = [new FakeMaster('a'), new FakeMaster('b')] as const;
const [a, b] = masters;
const opened: LoadBalancer[] = [];
let balancer: LoadBalancer;

async function start(env: Readonly<Record<string, string>> = {}): Promise<LoadBalancer> {
  const started = await LoadBalancer.start(masters, env);
  opened.push(started);
  return started;
}
const ask = (path: string, options: CallOptions = {}): Promise<Answer> => call(balancer.url, path, options);
const seen = () => masters.flatMap((master) => master.seen);

beforeAll(async () => {
  for (const master of masters) await master.listen();
  balancer = await start();
});
afterEach(async () => {
  for (const master of masters) master.forget();
});
afterAll(async () => {
  await Promise.all(opened.map((each) => each.close()));
  for (const master of masters) await master.close();
});

test('the configuration is taken without a warning', () => {
  expect(balancer.complaints).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
});

describe('what is passed on', () => {
  test.each(AWKWARD_KEYS.filter((key) => !key.includes('\0')))('the key %j, byte for byte', async (key) => {
    const path = dataPath(key);
    expect((await ask(path)).status).toBe(200);
    expect(seen().map(({ url }) => url)).toEqual([path]);
  });

  test('the whole body of a call, whatever its kind', async () => {
    const body = Buffer.alloc(MAX_BODY_BYTES, 'x');
    expect((await ask('/data/bulk', { method: 'POST', body })).status).toBe(200);
    expect(seen().map(({ method, url, bytes }) => [method, url, bytes])).toEqual([
      ['POST', '/data/bulk', MAX_BODY_BYTES],
    ]);
  });

  test('the id of a request, or a new one when there is none or it is not a plain word', async () => {
    for (const id of ['trace-1.A_b', undefined, 'with space', 'x'.repeat(129), '"quoted"']) {
      for (const master of masters) master.forget();
      const answer = await ask('/data/k', id === undefined ? {} : { headers: { 'x-request-id': id } });
      const [request] = seen();
      const passed = request?.headers['x-request-id'];
      expect(passed).toMatch(id === 'trace-1.A_b' ? /^trace-1\.A_b$/ : /^[0-9a-f]{32}$/);
      expect(answer.headers['x-request-id']).toBe(passed);
    }
  });

  test('who called and how, and not what the caller says about that', async () => {
    await ask('/data/k', { headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } });
    expect(seen()[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' });
  });

  test('many requests over few connections to the masters', async () => {
    for (let i = 0; i < 200; i++) await ask(`/data/${i}`);
    expect(seen()).toHaveLength(200);
    const connections = a.connections.size + b.connections.size;
    expect(connections).toBeLessThanOrEqual(8); // 2 workers, 2 masters, and a parallel one or two
  });
});

describe('what does not get in', () => {
  test.each([
    ['GET', '/metrics'],
    ['GET', '/metrics?x=/data/'],
    ['GET', '/%6Detrics'],
    ['GET', '//metrics'],
    ['GET', '/cluster/../metrics'],
    ['POST', '/cluster/nodes/aux-1/drain'],
    ['POST', '/cluster/%6Eodes/aux-1/drain'],
    ['POST', '/cluster/backup'],
    ['POST', '/cluster/backup?/cluster/keys/'],
    ['GET', '/database'],
    ['GET', '/healthy'],
    ['GET', '/.problem'],
    ['GET', '/'],
    ['GET', '*'],
  ])('%s %s', async (method, path) => {
    const answer = await ask(path, { method });
    expect([400, 404]).toContain(answer.status);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.json()).toMatchObject({ status: answer.status, code: expect.stringMatching(/^ERR_/) });
    expect(seen()).toEqual([]);
  });

  test('the paths of the API do', async () => {
    const paths = ['/data/k', '/data', '/data/bulk/get', '/health', '/health/ready?x', '/cluster', '/cluster/keys/k', '/docs', '/docs-json', '/docs/x.css']; // prettier-ignore
    for (const path of paths) expect([path, (await ask(path)).status]).toEqual([path, 200]);
  });

  test('a path that holds a NUL byte, or climbs out of the root', async () => {
    for (const path of ['/data/a%00b', '/data/../../etc/passwd']) {
      expectProblem(await ask(path), 400, 'ERR_BAD_REQUEST');
    }
    expect(seen()).toEqual([]);
  });
});

describe('when a master fails', () => {
  const key = { 'idempotency-key': 'once' };
  const condition = { 'if-match': '"1"' };
  /** What a load balancer that has seen no failure yet makes of a call when both masters cut their connections. */
  const askWithBothFailing = async (path: string, options: CallOptions): Promise<Answer> => {
    const fresh = await LoadBalancer.start(masters);
    try {
      for (const master of masters) {
        master.forget(); // the start was a request, too
        master.behaviour = 'cut';
      }
      return await call(fresh.url, path, options);
    } finally {
      await fresh.close();
    }
  };

  test.each<[string, string, Record<string, string>]>([
    ['GET', '/data/k', {}],
    ['HEAD', '/data/k', {}],
    ['PUT', '/data/k', {}],
    ['DELETE', '/data/k', {}],
    ['POST', '/data', {}],
    ['POST', '/data/bulk/get', {}],
    ['POST', '/data/k/touch', {}],
    ['POST', '/data/k/incr', key],
  ])('%s %s is tried again on another one', async (method, path, headers) => {
    const answer = await askWithBothFailing(path, { method, headers });
    expect(answer.status).toBe(503);
    if (method !== 'HEAD') expectProblem(answer, 503, 'ERR_UNAVAILABLE');
    expect(answer.headers['retry-after']).toBe('1');
    expect([a.seen.length, b.seen.length]).toEqual([1, 1]);
  });

  test.each<[string, string, Record<string, string>]>([
    ['POST', '/data/k/incr', {}],
    ['POST', '/data/k/%69ncr', {}],
    ['PUT', '/data/k', condition],
    ['PUT', '/data/k', { 'if-none-match': '*' }],
    ['DELETE', '/data/k', condition],
  ])('%s %s is not done twice (%j)', async (method, path, headers) => {
    expectProblem(await askWithBothFailing(path, { method, headers }), 503, 'ERR_UNAVAILABLE');
    const done = [a, b].flatMap(({ seen: requests }) => requests).filter(({ url }) => url === path);
    expect(done).toHaveLength(1);
  });

  test('what nobody got is sent to another, also a counter; a dead master is soon not asked any more', async () => {
    await a.close();
    for (let i = 0; i < 20; i++) {
      expect((await ask('/data/k/incr', { method: 'POST' })).headers['x-master']).toBe('b');
      expect((await ask(`/data/${i}`)).headers['x-master']).toBe('b');
    }
    await eventually(() => expect(balancer.complaints).toMatch(new RegExp(`masters: ${b.address}\\n$`)));
    await a.listen();
    await eventually(async () => expect((await ask('/data/k')).headers['x-master']).toBe('a'));
  });

  test('with none at all, clients hear so at once', async () => {
    await Promise.all(masters.map((master) => master.close()));
    const answer = await ask('/data/k');
    expectProblem(answer, 503, 'ERR_UNAVAILABLE');
    expect(answer.headers['retry-after']).toBe('1');
    for (const master of masters) await master.listen();
    await eventually(async () => expect((await ask('/data/k')).status).toBe(200));
  });

  test('one that is not ready gets nothing, until it is; when none is ready, they are asked all the same', async () => {
    b.ready = false;
    await eventually(() => expect(balancer.complaints).toMatch(new RegExp(`masters: ${a.address}\\n$`)));
    await sleep(200); // old workers end
    b.forget();
    for (let i = 0; i < 20; i++) await ask('/data/k');
    expect(b.seen).toEqual([]);
    a.ready = false;
    await eventually(async () => expect((await ask('/data/k')).headers['x-master']).toBe('b'));
    a.ready = b.ready = true;
  });
});

describe('limits', () => {
  test('a body larger than the largest bulk never reaches a master', async () => {
    const answer = await ask('/data/bulk', { method: 'POST', body: Buffer.alloc(MAX_BODY_BYTES + 1) });
    expectProblem(answer, 413, 'ERR_VALUE_TOO_LARGE');
    expect(seen()).toEqual([]);
  });

  test('headers and paths that are too large are refused', async () => {
    expectProblem(await ask('/data/k', { headers: { 'x-large': 'x'.repeat(20_000) } }), 431, 'ERR_HEADERS_TOO_LARGE');
    expectProblem(await ask(`/data/${'k'.repeat(20_000)}`), 414, 'ERR_HEADERS_TOO_LARGE');
  });

  test('more requests per second than allowed: 429 and when to come again', async () => {
    const limited = await start({ NGINX_RATE: '1r/s', NGINX_BURST: '4' });
    await sleep(1000); // the start was a request, too
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => call(limited.url, `/data/${i}`)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(14);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(4);
    for (const answer of refused) {
      expectProblem(answer, 429, 'ERR_OVERLOADED');
      expect(answer.headers['retry-after']).toBe('1');
    }
  });

  test('more requests at a time from one address than allowed: 429', async () => {
    const limited = await start({ NGINX_CONNECTIONS_PER_CLIENT: '3' });
    a.behaviour = b.behaviour = 'hang';
    const hanging = [1, 2, 3].map((i) => call(limited.url, `/data/${i}/incr`, { method: 'POST' }).catch(() => null));
    await eventually(() => expect(seen()).toHaveLength(3));
    expectProblem(await call(limited.url, '/data/4'), 429, 'ERR_OVERLOADED');
    for (const master of masters) master.behaviour = 'cut';
    await Promise.all(masters.map((master) => master.close()));
    await Promise.all(hanging);
    for (const master of masters) await master.listen();
  });
});

describe('slow clients', () => {
  let slow: LoadBalancer;
  beforeAll(async () => {
    slow = await start({ NGINX_CLIENT_TIMEOUT: '1s' });
  });

  /** Sends `text` and nothing more; resolves with what came back when the other side has closed. */
  function trickle(text: string): Promise<{ readonly text: string; readonly ms: number }> {
    const { hostname, port } = new URL(slow.url);
    const begin = performance.now();
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.setTimeout(10_000, () => socket.destroy(new Error('still open')));
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve({ text: answer, ms: performance.now() - begin }));
    });
  }

  test.each([
    ['whose headers do not end', 'GET /data/k HTTP/1.1\r\nHost: x\r\nX-Header: '],
    ['whose body does not come', 'PUT /data/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc'],
    ['who says nothing', ''],
  ])('one %s is let go, and no master notices', async (_, text) => {
    const { ms } = await trickle(text);
    expect(ms).toBeLessThan(5000);
    expect(seen()).toEqual([]);
    expect(masters.map(({ connections }) => connections.size)).toEqual([0, 0]);
  });
});

describe('large bodies', () => {
  const LARGE_BYTES = 200_000;
  let sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
  });

  /** Announces a body, and sends all of it but the last bytes. What comes back is in `text`. */
  function unfinished(url: string, length = LARGE_BYTES): { text: string } {
    const { hostname, port } = new URL(url);
    const answer = { text: '' };
    const socket = connect(Number(port), hostname, () => {
      socket.write(`PUT /data/k HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
      socket.write(Buffer.alloc(length - 300));
    });
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => (answer.text += chunk.toString()));
    sockets.push(socket);
    return answer;
  }
  const connected = () => expect(a.connections.size + b.connections.size).toBeGreaterThan(0);

  test('are kept on no disk, however many are unfinished, and others get through', async () => {
    for (let i = 0; i < 60; i++) unfinished(balancer.url);
    await eventually(connected);
    for (let i = 0; i < 4; i++) {
      const body = Buffer.alloc(LARGE_BYTES, 'x');
      expect((await ask('/data/other', { method: 'PUT', body })).status).toBe(200);
    }
    expect(seen().map(({ bytes }) => bytes)).toEqual([LARGE_BYTES, LARGE_BYTES, LARGE_BYTES, LARGE_BYTES]);
    expect(balancer.keptFiles.filter((name) => /\d{10}/.test(name))).toEqual([]);
  });

  test('are refused by a master before they have come', async () => {
    for (const master of masters) master.behaviour = 'refuse';
    const answers = Array.from({ length: 20 }, () => unfinished(balancer.url, 7_900_000));
    await eventually(() => expect(answers.every(({ text }) => text.startsWith('HTTP/1.1 401 '))).toBe(true));
  });

  test('of one address are so many at a time: 429; small ones are not counted', async () => {
    const limited = await start({ NGINX_LARGE_BODIES_PER_CLIENT: '2' });
    for (let i = 0; i < 2; i++) unfinished(limited.url);
    await eventually(() => expect(a.connections.size + b.connections.size).toBeGreaterThanOrEqual(2));
    const large = { method: 'PUT', body: Buffer.alloc(LARGE_BYTES) };
    expectProblem(await call(limited.url, '/data/k', large), 429, 'ERR_OVERLOADED');
    expect((await call(limited.url, '/data/k', { method: 'PUT', body: Buffer.alloc(60_000) })).status).toBe(200);
  });

  test('go to another master when one is gone', async () => {
    await a.close();
    const body = Buffer.alloc(LARGE_BYTES, 'x');
    for (let i = 0; i < 4; i++) {
      expect((await ask('/data/k', { method: 'PUT', body })).headers['x-master']).toBe('b');
    }
    await a.listen();
    await eventually(async () => expect((await ask('/data/k')).headers['x-master']).toBe('a'));
  });
});

test('an answer that is not read is kept on no disk', async () => {
  for (const master of masters) master.body = 'x'.repeat(6 * 2 ** 20);
  const { hostname, port } = new URL(balancer.url);
  const sockets = Array.from({ length: 20 }, () => {
    const socket = connect(Number(port), hostname, () => socket.write('GET /data/k HTTP/1.1\r\nHost: x\r\n\r\n'));
    return socket.pause();
  });
  try {
    await eventually(() => expect(seen()).toHaveLength(20));
    expect(balancer.keptFiles.filter((name) => /\d{10}/.test(name))).toEqual([]);
  } finally {
    for (const socket of sockets) socket.destroy();
    for (const master of masters) master.body = '{}';
  }
});

describe('behind another load balancer', () => {
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

  test('a trusted one says who the client is: for masters, logs and limits', async () => {
    const behind = await start({ NGINX_TRUSTED_PROXIES: '127.0.0.1 10.0.0.0/8', NGINX_RATE: '1r/s', NGINX_BURST: '1' });
    expect(behind.complaints).not.toMatch(/\[warn\]/);
    for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) {
      expect((await call(behind.url, '/data/k', from(`198.51.100.7, ${address}, 10.1.2.3`))).status).toBe(200);
    }
    expect(
      seen()
        .map(({ headers }) => headers['x-forwarded-for'])
        .sort(),
    ).toEqual(['203.0.113.1', '203.0.113.2', '203.0.113.3']);
    const flood = await Promise.all(Array.from({ length: 5 }, () => call(behind.url, '/data/k', from('203.0.113.1'))));
    expect(flood.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(3);
    expect((await call(behind.url, '/data/k', from('203.0.113.4'))).status).toBe(200);
    await eventually(() => expect(behind.accessLog.map(({ client }) => client)).toContain('203.0.113.4'));
  });

  test('one that is not trusted says nothing', async () => {
    const behind = await start({ NGINX_TRUSTED_PROXIES: '10.0.0.0/8' });
    await call(behind.url, '/data/k', from('203.0.113.1'));
    expect(seen()[0]?.headers['x-forwarded-for']).toBe('127.0.0.1');
  });
});

describe('compression', () => {
  const LARGE = JSON.stringify({ value: 'x'.repeat(4000) });
  const gzip = { 'accept-encoding': 'gzip' };
  afterEach(() => {
    for (const master of masters) {
      master.body = '{}';
      master.headers = { 'content-type': 'application/json' };
    }
  });
  const answerWith = (body: string) => {
    for (const master of masters) {
      master.body = body;
      master.headers = { 'content-type': 'application/json', etag: '"7"' };
    }
  };

  test('a large answer to a bulk', async () => {
    answerWith(LARGE);
    const answer = await ask('/data/bulk/get', { json: [], headers: gzip });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(answer.body).toString()).toBe(LARGE);
  });

  test('not a small one, and not an entry, whose ETag has to stay a strong one', async () => {
    answerWith('{"small":1}');
    expect((await ask('/data/bulk/get', { json: [], headers: gzip })).headers['content-encoding']).toBeUndefined();
    answerWith(LARGE);
    const { headers } = await ask('/data/k', { headers: gzip });
    expect([headers['content-encoding'], headers['etag']]).toEqual([undefined, '"7"']);
  });
});

test('every request but those about health has a line of JSON in the log', async () => {
  await ask('/health/live');
  await ask('/data/logged%22key', { headers: { 'x-request-id': 'log-1' } });
  await ask('/metrics', { headers: { 'x-request-id': 'log-2' } });
  await eventually(() => expect(balancer.accessLog.map((line) => line['request_id'])).toContain('log-2'));
  const line = balancer.accessLog.find((each) => each['request_id'] === 'log-1');
  expect(line).toMatchObject({ method: 'GET', uri: '/data/logged%22key', status: 200, client: '127.0.0.1' });
  expect(line?.['upstream']).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(balancer.accessLog.filter(({ uri }) => /^\/health(\/|$)/.test(String(uri)))).toEqual([]);
});

test('with a certificate it speaks TLS as well', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dcs-tls-'));
  const [certificate, certificateKey] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  try {
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=localhost', '-keyout', certificateKey, '-out', certificate]); // prettier-ignore
    const port = await freePort();
    const secure = await start({
      NGINX_TLS_PORT: `127.0.0.1:${port}`,
      NGINX_TLS_CERTIFICATE: certificate,
      NGINX_TLS_CERTIFICATE_KEY: certificateKey,
    });
    expect(secure.complaints).not.toMatch(/\[warn\]/);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () =>
        socket.write('GET /data/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      );
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(seen()[0]?.headers['x-forwarded-proto']).toBe('https');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
