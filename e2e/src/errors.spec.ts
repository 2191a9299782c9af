import { masterUrl, useCluster } from './cluster.js';
import { read, store } from './data-api.js';
import { call } from './http.js';
import { expectProblem } from './problem.js';

const cluster = useCluster({ aux: 1, replicas: 1 });
const url = () => masterUrl(cluster());

describe('a wrong method or path', () => {
  test.each([
    ['PATCH', '/data/x', /GET/],
    ['POST', '/data/x', /GET/],
    ['GET', '/data', /POST/],
    ['DELETE', '/data', /POST/],
    ['PUT', '/data', /POST/],
    ['GET', '/data/x/incr', /POST/],
    ['GET', '/data/x/touch', /POST/],
    ['DELETE', '/data/bulk/get', /POST/],
    ['POST', '/cluster', /GET/],
    ['GET', '/cluster/nodes/x/drain', /POST/],
    ['POST', '/health', /GET/],
  ])('%s %s is 405 and says what is allowed', async (method, path, allowed) => {
    const answer = await call(url(), path, method === 'GET' ? { method } : { method, json: {} });
    expectProblem(answer, 405, /^ERR_/);
    expect(answer.headers.allow).toMatch(allowed);
  });

  test.each([
    ['GET', '/'],
    ['GET', '/nothing'],
    ['POST', '/data/x/y/z'],
    ['GET', '/data/x/unknown'],
    ['GET', '/cluster/unknown'],
  ])('%s %s is 404', async (method, path) => {
    expectProblem(await call(url(), path, { method }), 404, 'ERR_NOT_FOUND');
  });
});

describe('a wrong body', () => {
  const post = (body: string, contentType = 'application/json') =>
    call(url(), '/data', { method: 'POST', body, headers: { 'content-type': contentType } });

  test.each([
    '',
    '{',
    '{"key":"a","value":1',
    '[]',
    '"text"',
    'null',
    '5',
    '{"value":1}',
    '{"key":"a"}',
    '\u0000',
    '{"key":"a","value":undefined}',
  ])('%j is 400', async (body) => expectProblem(await post(body), 400, /^ERR_(BAD_REQUEST|KEY_INVALID)$/));

  test.each(['1', 'null', 'true', '["a"]', '{"a":1}', '""'])('the key %s is 400', async (key) => {
    expectProblem(await post(`{"key":${key},"value":1}`), 400, /^ERR_(KEY_INVALID|BAD_REQUEST)$/);
  });

  test('a lone surrogate in a key has no UTF-8 and is refused', async () => {
    expectProblem(await post('{"key":"\\ud800","value":1}'), 400, 'ERR_KEY_INVALID');
  });

  test('bytes that are not UTF-8 are refused in JSON', async () => {
    const body = Buffer.concat([
      Buffer.from('{"key":"invalid utf-8","value":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    const answer = await call(url(), '/data', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expectProblem(answer, 400, 'ERR_BAD_REQUEST');
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'multipart/form-data; boundary=x',
    'nonsense',
  ])('the content type %s is 415', async (contentType) =>
    expectProblem(await post('{"key":"a","value":1}', contentType), 415, /^ERR_/),
  );

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;charset=UTF-8'])(
    'the content type %s is taken',
    async (contentType) => expect((await post('{"key":"typed","value":1}', contentType)).status).toBe(200),
  );

  test('names in a body do not reach prototypes', async () => {
    const answer = await post(
      '{"key":"polluted","value":1,"__proto__":{"ttl":0.001},"constructor":{"prototype":{"x":1}}}',
    );
    expect([200, 400]).toContain(answer.status);
    await store(url(), 'unpolluted', 1);
    expect((await read(url(), 'unpolluted')).json()).not.toHaveProperty('ttl');
  });

  test('a broken body of a put, incr or touch is 400', async () => {
    for (const path of ['/data/x/incr', '/data/x/touch', '/data/bulk', '/data/bulk/get', '/data/bulk/delete']) {
      const answer = await call(url(), path, {
        method: 'POST',
        body: '{',
        headers: { 'content-type': 'application/json' },
      });
      expectProblem(answer, 400, 'ERR_BAD_REQUEST');
    }
  });
});

describe('a wrong key in a path', () => {
  test.each([
    ['/data/%FF', 'bytes that are not UTF-8'],
    ['/data/%ED%A0%80', 'a surrogate'],
    ['/data/%C0%AF', 'an overlong slash'],
    ['/data/%', 'half an escape'],
    ['/data/%2', 'half an escape'],
    ['/data/%zz', 'no hex'],
    ['/cluster/keys/%FF', 'bytes that are not UTF-8'],
    ['/data/%FF/incr', 'bytes that are not UTF-8'],
  ])('%s (%s) is 400', async (path) => {
    const answer = await call(url(), path, path.endsWith('incr') ? { json: {} } : {});
    expectProblem(answer, 400, /^ERR_(KEY_INVALID|BAD_REQUEST)$/);
  });

  test('the empty key is refused', async () => {
    expectProblem(await call(url(), '/data/'), 400, 'ERR_KEY_INVALID');
  });
});

test('nothing of a request is shown back as HTML', async () => {
  const answer = await call(url(), '/data/%3Cscript%3Ealert(1)%3C/script%3E', { headers: { accept: 'text/html' } });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
});

test('the gateway still serves after all of it', async () => {
  await store(url(), 'alive', 'x');
  expect((await read(url(), 'alive')).status).toBe(200);
  expect((await call(url(), '/health/ready')).status).toBe(200);
});
