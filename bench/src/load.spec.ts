import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { answerSize, generateLoad, loadBySockets, luaEscape, parseWrk, rawRequest } from './load.js';

test('a request is its bytes', () => {
  expect(rawRequest('GET', '/data/a')).toBe('GET /data/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(rawRequest('POST', '/data', { k: 'ключ' })).toBe(
    'POST /data HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"k":"ключ"}',
  );
});

test('a string for Lua has no byte that Lua reads in another way', () => {
  expect(luaEscape('a "b"\\\r\né')).toBe('a \\034b\\034\\092\\013\\010\\195\\169');
});

describe('the output of wrk', () => {
  const good = '  30 requests in 2.00s, 4.00KB read\nRequests/sec:  15.25\n';

  test('gives the number and the rate', () => expect(parseWrk(good)).toEqual({ requests: 30, perSecond: 15.25 }));

  test.each(['  Non-2xx or 3xx responses: 3\n', '  Socket errors: connect 0, read 1, write 0, timeout 0\n', ''])(
    'with %j is no result',
    (trouble) => expect(() => parseWrk(trouble === '' ? '' : good + trouble)).toThrow(/no rate|not served/),
  );
});

test('the size of an answer is known when its head is complete', () => {
  expect(answerSize('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n')).toBeUndefined();
  expect(answerSize('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab')).toBe(43);
  expect(answerSize('HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n')).toBe(36);
});

describe('load on a server', () => {
  let server: Server;
  let status = 200;
  let port = 0;
  const bodies = new Set<string>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.add(body);
        response.writeHead(status, { 'content-length': 3 }).end('yes');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const load = () => ({
    host: '127.0.0.1',
    port,
    requests: [rawRequest('POST', '/', '"один"\\'), rawRequest('POST', '/', 'two')],
    connections: 4,
    seconds: 1,
  });

  test.each([
    ['the generator of this machine', generateLoad],
    ['sockets', loadBySockets],
  ])('by %s sends every request and counts the answers', async (_, generate) => {
    status = 200;
    bodies.clear();
    const { requests, perSecond } = await generate(load());
    expect(requests).toBeGreaterThan(10);
    expect(perSecond).toBeGreaterThan(10);
    expect([...bodies].sort()).toEqual(['"\\"один\\"\\\\"', '"two"']);
  });

  test.each([
    ['the generator of this machine', generateLoad],
    ['sockets', loadBySockets],
  ])('by %s fails when the server does', async (_, generate) => {
    status = 500;
    await expect(generate(load())).rejects.toThrow(/not served/);
  });
});
