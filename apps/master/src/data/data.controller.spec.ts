import { TestCluster, JSON_BODY } from '../../test/test-cluster.js';

const MIB = 1024 * 1024;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start(3);
});
afterAll(() => cluster.close());

const problem = (answer: { status: number; json(): Record<string, unknown>; headers: object }) => {
  expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json' });
  const { type, title, status, detail, code } = answer.json();
  expect(type).toBe('about:blank');
  expect(typeof title).toBe('string');
  expect(typeof detail).toBe('string');
  expect(status).toBe(answer.status);
  return { status, code, detail };
};

describe('POST /data and GET /data/:key', () => {
  test.each([
    ['text', 'apple'],
    ['an empty text', ''],
    ['text beyond ASCII', 'ключ 🍎\u2028'],
    ['control characters and quotes', '\u0000\r\n"\\'],
    ['a lone surrogate', 'a\ud800b'],
    ['a number', 12.5],
    ['true', true],
    ['null', null],
    ['an array', [1, 'é', null]],
    ['an object', { a: { b: ['ü'] } }],
  ])('%s comes back as it was', async (_, value) => {
    const stored = await cluster.post('/data', { key: 'v', value });
    expect(stored.status).toBe(200);
    expect(stored.json()).toEqual({ key: 'v', version: expect.stringMatching(/^[0-9a-f]{24}$/) });
    const read = await cluster.get('v');
    expect(read.json()).toEqual({ key: 'v', value, version: stored.json()['version'] });
    expect(read.headers['etag']).toBe(`"${String(stored.json()['version'])}"`);
    expect(read.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test.each([
    'a/b',
    'a?b',
    'a%2Fb',
    'a#b',
    'ключ',
    '__proto__',
    'constructor',
    '.',
    '..',
    ' ',
    '%',
    '{tag}x',
    'a\u0000b',
    'bulk',
    '🍎'.repeat(128),
  ])(
    // prettier-ignore
    'the key %j makes the round trip',
    async (key) => {
      expect((await cluster.post('/data', { key, value: key })).status).toBe(200);
      const path = `/data/${encodeURIComponent(key).replaceAll('.', '%2E')}`;
      expect((await cluster.call('GET', path)).json()).toMatchObject({ key, value: key });
      expect((await cluster.call('HEAD', path)).status).toBe(200);
      expect((await cluster.post('/data/bulk/get', [key])).text).toBe(
        `{${JSON.stringify(key)}:${JSON.stringify(key)}}`,
      );
      expect((await cluster.call('DELETE', path)).json()).toEqual({ deleted: true });
      expect((await cluster.call('GET', path)).status).toBe(404);
    },
  );

  test('a path is decoded exactly once', async () => {
    await cluster.post('/data', { key: 'a%2Fb', value: 1 });
    await cluster.post('/data', { key: 'a/b', value: 2 });
    expect((await cluster.call('GET', '/data/a%252Fb')).json()).toMatchObject({ value: 1 });
    expect((await cluster.call('GET', '/data/a%2Fb')).json()).toMatchObject({ value: 2 });
  });

  test('ttl is what is left in seconds, and an entry past it is gone', async () => {
    await cluster.post('/data', { key: 't', value: 1, ttl: 0.2 });
    const { ttl } = (await cluster.get('t')).json();
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(0.2);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(problem(await cluster.get('t'))).toMatchObject({ status: 404, code: 'ERR_NOT_FOUND' });
  });

  test.each([
    ['{"key":"a","value":1', 'ERR_BAD_REQUEST', 'the body is not valid JSON'],
    ['', 'ERR_BAD_REQUEST', 'the body is empty'],
    ['[1]', 'ERR_BAD_REQUEST', 'the body must be an object, got an array'],
    ['null', 'ERR_BAD_REQUEST', 'the body must be an object, got null'],
    ['{"value":1}', 'ERR_BAD_REQUEST', '"key" is missing'],
    ['{"key":"a"}', 'ERR_BAD_REQUEST', '"value" is missing'],
    ['{"key":"a","value":1,"tll":5}', 'ERR_BAD_REQUEST', 'the body has a field "tll"; the fields are "key", "value", "ttl"'], // prettier-ignore
    ['{"key":"a","value":1,"__proto__":5}', 'ERR_BAD_REQUEST', 'the body has a field "__proto__"; the fields are "key", "value", "ttl"'], // prettier-ignore
    ['{"key":"a","value":1,"value":2}', 'ERR_BAD_REQUEST', 'the body has a field more than once'],
    ['{"key":"","value":1}', 'ERR_KEY_INVALID', 'key must be 1-512 bytes of UTF-8, got 0'],
    ['{"key":7,"value":1}', 'ERR_KEY_INVALID', 'key must be 1-512 bytes of UTF-8, got a number'],
    ['{"key":"\\ud800","value":1}', 'ERR_KEY_INVALID', 'key must be 1-512 bytes of UTF-8, got a lone surrogate'],
    [`{"key":"${'k'.repeat(600)}","value":1}`, 'ERR_KEY_INVALID', 'key must be 1-512 bytes of UTF-8, got 600'],
    [`{"key":"${'é'.repeat(257)}","value":1}`, 'ERR_KEY_INVALID', 'key must be 1-512 bytes of UTF-8, got 514'],
    ['{"key":"a","value":1,"ttl":-1}', 'ERR_TTL_INVALID', 'ttl must be a number of seconds from 0 (no expiry) to 3153600000, got -1'], // prettier-ignore
    ['{"key":"a","value":1,"ttl":1e400}', 'ERR_TTL_INVALID', 'ttl must be a number of seconds from 0 (no expiry) to 3153600000, got Infinity'], // prettier-ignore
    ['{"key":"a","value":1,"ttl":"5"}', 'ERR_TTL_INVALID', 'ttl must be a number of seconds from 0 (no expiry) to 3153600000, got a string'], // prettier-ignore
  ])('%s is refused', async (body, code, detail) => {
    const answer = await cluster.call('POST', '/data', { headers: JSON_BODY, body });
    expect(problem(answer)).toEqual({ status: 400, code, detail });
  });

  test.each([
    '{"key":"a","value":1e400}',
    '{"key":"a","value":-1e400}',
    '{"key":"a","value":{"b":[1,{"c":[1E+999]}]}}',
    `{"key":"a","value":${'9'.repeat(310)}}`,
    `{"key":"a","value":[${'9'.repeat(260)}e50]}`,
    `{"key":"a","value":${'9'.repeat(302)}e7}`,
  ])('%.60s is refused: it would come back as null', async (body) => {
    const answer = await cluster.call('POST', '/data', { headers: JSON_BODY, body });
    const detail = 'the value has a number that is beyond what a double can hold';
    expect(problem(answer)).toEqual({ status: 400, code: 'ERR_BAD_REQUEST', detail });
    const item = `[{"key":"b","value":1},${body}]`;
    expect(problem(await cluster.call('POST', '/data/bulk', { headers: JSON_BODY, body: item }))).toMatchObject({ status: 400 }); // prettier-ignore
  });

  test.each([
    ['1e308', 1e308],
    ['-0', 0],
    ['12345678901234567890', 12345678901234567000],
    ['1e-999', 0],
    ['"1e400"', '1e400'],
    ['{"a":1,"a":2}', { a: 2 }],
  ])('%s is taken as JavaScript reads it', async (text, value) => {
    const body = `{"key":"n","value":${text}}`;
    expect((await cluster.call('POST', '/data', { headers: JSON_BODY, body })).status).toBe(200);
    expect((await cluster.get('n')).json()['value']).toEqual(value);
  });

  test.each(['0', 'null', '-0', '0.0'])('ttl %s is no expiry, on every call', async (ttl) => {
    const body = `{"key":"t","value":1,"ttl":${ttl}}`;
    expect((await cluster.call('POST', '/data', { headers: JSON_BODY, body })).status).toBe(200);
    expect((await cluster.get('t')).json()).not.toHaveProperty('ttl');
    await cluster.post('/data/t/touch', { ttl: 60 });
    expect((await cluster.get('t')).json()).toHaveProperty('ttl');
    await cluster.call('POST', '/data/t/touch', { headers: JSON_BODY, body: `{"ttl":${ttl}}` });
    expect((await cluster.get('t')).json()).not.toHaveProperty('ttl');
    await cluster.call('POST', '/data/c/incr', { headers: JSON_BODY, body: `{"ttl":${ttl}}` });
    expect((await cluster.get('c')).json()).not.toHaveProperty('ttl');
    await cluster.call('POST', '/data/bulk', { headers: JSON_BODY, body: `[{"key":"u","value":1,"ttl":${ttl}}]` });
    expect((await cluster.get('u')).json()).not.toHaveProperty('ttl');
    if (ttl.startsWith('0')) expect((await cluster.call('PUT', `/data/p?ttl=${ttl}`, { body: 'x' })).status).toBeLessThan(300); // prettier-ignore
  });

  test('bytes that are no UTF-8 are refused', async () => {
    const body = Buffer.from('{"key":"a","value":"\xff"}', 'latin1');
    const answer = await cluster.call('POST', '/data', { headers: JSON_BODY, body });
    expect(problem(answer)).toMatchObject({ code: 'ERR_BAD_REQUEST', detail: 'the body is not valid UTF-8' });
  });

  test('nesting that cannot be written again is refused', async () => {
    const body = `{"key":"deep","value":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const answer = await cluster.call('POST', '/data', { headers: JSON_BODY, body });
    expect(problem(answer)).toMatchObject({ code: 'ERR_BAD_REQUEST', detail: 'value is nested too deeply' });
  });

  test.each([
    ['application/json; charset=utf-8', 200],
    ['APPLICATION/JSON', 200],
    ['text/plain', 415],
    ['application/json; charset=latin1', 415],
    ['application/x-www-form-urlencoded', 415],
  ])('content type %s: %d', async (type, status) => {
    const answer = await cluster.call('POST', '/data', {
      headers: { 'content-type': type },
      body: '{"key":"a","value":1}',
    });
    expect(answer.status).toBe(status);
    if (status === 415) expect(problem(answer).code).toBe('ERR_UNSUPPORTED_MEDIA_TYPE');
  });
});

describe('the bound of a value', () => {
  const escaped = '\u0001'.repeat(MIB);

  test.each([
    ['plain', 'x'.repeat(MIB)],
    ['escaped sixfold', escaped],
  ])('1 MiB of text is stored: %s', async (_, value) => {
    expect((await cluster.post('/data', { key: 'big', value })).status).toBe(200);
    expect((await cluster.get('big')).json()['value']).toBe(value);
  });

  test('one byte more is not', async () => {
    const text = await cluster.post('/data', { key: 'big', value: 'x'.repeat(MIB + 1) });
    expect(problem(text)).toEqual({
      status: 413,
      code: 'ERR_VALUE_TOO_LARGE',
      detail: 'value must be at most 1048576 bytes, got 1048577',
    });
    expect(problem(await cluster.call('PUT', '/data/big', { body: Buffer.alloc(MIB + 1) })).status).toBe(413);
    expect((await cluster.call('PUT', '/data/big', { body: Buffer.alloc(MIB) })).status).toBe(200);
    const bulk = await cluster.post('/data/bulk', [{ key: 'a', value: 'x'.repeat(MIB + 1) }]);
    expect(problem(bulk)).toMatchObject({ status: 413, detail: 'item 0: value must be at most 1048576 bytes, got 1048577' }); // prettier-ignore
    expect((await cluster.post('/data/bulk', [{ key: 'a', value: 'x'.repeat(MIB) }])).json()).toEqual({ stored: 1 });
  });
});

describe('PUT /data/:key and raw reads', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

  test('bytes come back as they were, with their content type', async () => {
    const headers = { 'content-type': 'image/png' };
    const created = await cluster.call('PUT', '/data/raw', { headers, body: bytes });
    expect(created.status).toBe(201);
    expect(created.headers['etag']).toBe(`"${String(created.json()['version'])}"`);
    expect((await cluster.call('PUT', '/data/raw', { headers, body: bytes })).status).toBe(200);
    for (const accept of ['image/png', 'image/*', 'application/octet-stream', 'image/png, application/json;q=0.5']) {
      const read = await cluster.get('raw', { accept });
      expect(read.body.equals(bytes)).toBe(true);
      expect(read.headers).toMatchObject({ 'content-type': 'image/png', etag: expect.stringMatching(/^"/) });
    }
    const refused = await cluster.get('raw', { accept: 'text/html' });
    expect(problem(refused)).toMatchObject({ status: 406, code: 'ERR_NOT_ACCEPTABLE' });
    const json = (await cluster.get('raw')).json();
    expect(json).toMatchObject({ value: bytes.toString('base64'), encoding: 'base64' });
  });

  test('an empty body is a value of no bytes', async () => {
    expect((await cluster.call('PUT', '/data/empty', { body: '' })).status).toBe(201);
    const read = await cluster.get('empty', { accept: 'application/octet-stream' });
    expect(read.status).toBe(200);
    expect(read.body).toHaveLength(0);
    expect(read.headers['content-type']).toBe('application/octet-stream');
  });

  test('a JSON string reads as text, other JSON as its text, UTF-8 bytes as a JSON string', async () => {
    await cluster.post('/data', { key: 'n', value: 'né' });
    const text = await cluster.get('n', { accept: 'text/plain' });
    expect(text.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text.text).toBe('né');
    await cluster.post('/data', { key: 'n', value: [1, 'é'] });
    const json = await cluster.get('n', { accept: 'application/octet-stream' });
    expect(json.headers['content-type']).toBe('application/json');
    expect(json.text).toBe('[1,"é"]');
    await cluster.call('PUT', '/data/n', { headers: { 'content-type': 'text/html' }, body: '<é>' });
    expect((await cluster.get('n')).json()).toMatchObject({ value: '<é>' });
  });

  test('ttl is taken from the query, which has nothing else', async () => {
    await cluster.call('PUT', '/data/q?ttl=1.5', { body: 'x' });
    expect((await cluster.get('q')).json()['ttl']).toBeLessThanOrEqual(1.5);
    expect(problem(await cluster.call('PUT', '/data/q?ttl=abc', { body: 'x' })).code).toBe('ERR_TTL_INVALID');
    expect(problem(await cluster.call('PUT', '/data/q?ttl=1&ttl=2', { body: 'x' })).code).toBe('ERR_TTL_INVALID');
    expect(problem(await cluster.call('PUT', '/data/q?tlt=1', { body: 'x' })).code).toBe('ERR_BAD_REQUEST');
  });

  test('compare-and-set and add-only', async () => {
    const put = (headers: Record<string, string>) => cluster.call('PUT', '/data/cas', { headers, body: 'x' });
    expect(problem(await put({ 'if-match': '*' }))).toMatchObject({ status: 412, code: 'ERR_PRECONDITION_FAILED' });
    const first = await put({ 'if-none-match': '*' });
    expect(first.status).toBe(201);
    expect((await put({ 'if-none-match': '*' })).status).toBe(412);
    const etag = String(first.headers['etag']);
    const second = await put({ 'if-match': etag });
    expect(second.status).toBe(200);
    expect((await put({ 'if-match': etag })).status).toBe(412);
    expect((await put({ 'if-match': `W/${String(second.headers['etag'])}` })).status).toBe(412);
    expect((await cluster.call('DELETE', '/data/cas', { headers: { 'if-match': etag } })).status).toBe(412);
    const match = { 'if-match': String(second.headers['etag']) };
    expect((await cluster.call('DELETE', '/data/cas', { headers: match })).status).toBe(200);
  });

  test('If-None-Match on reads', async () => {
    const { headers } = await cluster.call('PUT', '/data/etag', { body: 'x' });
    const etag = String(headers['etag']);
    for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const read = await cluster.get('etag', { 'if-none-match': header });
      expect(read.status).toBe(304);
      expect(read.body).toHaveLength(0);
      expect(read.headers['etag']).toBe(etag);
      const head = await cluster.call('HEAD', '/data/etag', { headers: { 'if-none-match': header } });
      expect(head.status).toBe(304);
    }
    expect((await cluster.get('etag', { 'if-none-match': '"other"' })).status).toBe(200);
    expect(problem(await cluster.get('etag', { 'if-none-match': 'unquoted' })).status).toBe(400);
  });
});

describe('counters and touch', () => {
  test('counts from initial, by steps, and repeats once per Idempotency-Key', async () => {
    const call = (body: unknown, headers = {}) => cluster.post('/data/n%3A1/incr', body, headers);
    expect((await cluster.call('POST', '/data/n%3A1/incr')).json()).toMatchObject({ key: 'n:1', value: 1 });
    expect((await call({ by: -5 })).json()).toMatchObject({ value: -4 });
    expect((await call({ by: 2 }, { 'idempotency-key': 'k1' })).json()).toMatchObject({ value: -2 });
    expect((await call({ by: 2 }, { 'idempotency-key': 'k1' })).json()).toMatchObject({ value: -2 });
    const reused = { status: 422, code: 'ERR_IDEMPOTENCY_KEY_REUSED' };
    for (const other of [{ by: 3 }, {}, { by: 2, initial: 5 }, { by: 2, ttl: 9 }]) {
      expect(problem(await call(other, { 'idempotency-key': 'k1' }))).toMatchObject(reused);
    }
    expect((await call({ ttl: 0, initial: 0, by: 2 }, { 'idempotency-key': 'k1' })).json()).toMatchObject({
      value: -2,
    });
    expect((await cluster.post('/data/n2/incr', { by: 2, initial: 40 })).json()).toMatchObject({ value: 42 });
    expect(problem(await call({ by: 1.5 }))).toMatchObject({ status: 400, code: 'ERR_BAD_REQUEST' });
    expect(problem(await call({ by: 2 ** 53 })).status).toBe(400);
    expect(problem(await call({}, { 'idempotency-key': 'x'.repeat(256) })).status).toBe(400);
    await cluster.post('/data', { key: 'n:1', value: 'apple' });
    expect(problem(await call({}))).toMatchObject({ status: 409, code: 'ERR_NOT_A_NUMBER' });
  });

  test('touch gives a new expiry', async () => {
    await cluster.post('/data', { key: 'tt', value: 1 });
    expect((await cluster.post('/data/tt/touch', { ttl: 9 })).status).toBe(200);
    expect((await cluster.get('tt')).json()['ttl']).toBeLessThanOrEqual(9);
    expect(problem(await cluster.post('/data/absent/touch', { ttl: 9 })).status).toBe(404);
    expect(problem(await cluster.post('/data/tt/touch', {})).code).toBe('ERR_TTL_INVALID');
  });
});

describe('bulk', () => {
  test('a thousand keys over all nodes', async () => {
    const items = Array.from({ length: 1000 }, (_, i) => ({ key: `bulk:${i}`, value: i }));
    expect((await cluster.post('/data/bulk', items)).json()).toEqual({ stored: 1000 });
    const keys = items.map(({ key }) => key);
    const read = await cluster.post('/data/bulk/get', keys);
    expect(read.json()).toEqual(Object.fromEntries(items.map(({ key, value }) => [key, value])));
    for (const node of cluster.nodes) expect(node.entries.size).toBeGreaterThan(200);
    expect((await cluster.post('/data/bulk/delete', keys)).json()).toEqual({ deleted: 1000 });
  });

  test('of items with one key the last wins', async () => {
    const items = [1, 2, 3].map((value) => ({ key: 'same', value }));
    expect((await cluster.post('/data/bulk', items)).json()).toEqual({ stored: 3 });
    expect((await cluster.get('same')).json()).toMatchObject({ value: 3 });
  });

  test.each([
    ['/data/bulk', {}, 'the body must be an array, got an object'],
    ['/data/bulk', [1], 'item 0 must be an object, got a number'],
    ['/data/bulk', Array(1001).fill({ key: 'a', value: 1 }), 'a bulk call takes at most 1000 items, got 1001'],
    ['/data/bulk/get', [1], 'item 0: key must be 1-512 bytes of UTF-8, got a number'],
    ['/data/bulk/delete', ['a', ''], 'item 1: key must be 1-512 bytes of UTF-8, got 0'],
  ])('%s refuses what it cannot take', async (path, body, detail) => {
    expect(problem(await cluster.post(path, body))).toMatchObject({ status: 400, detail });
  });

  test('repeated fields of an item, and a body past its bound', async () => {
    const body = '[{"key":"a","value":{"x":1,"y":2}},{"key":"a","key":"b","value":1}]';
    const repeated = await cluster.call('POST', '/data/bulk', { headers: JSON_BODY, body });
    expect(problem(repeated).detail).toBe('an item of the body has a field more than once');
    const huge = await cluster.call('POST', '/data/bulk', { headers: JSON_BODY, body: Buffer.alloc(8 * MIB + 1, ' ') });
    expect(problem(huge)).toMatchObject({ status: 413, code: 'ERR_VALUE_TOO_LARGE' });
  });

  test('a read whose answer would be past the bound is refused', async () => {
    const keys = Array.from({ length: 9 }, (_, i) => `mib:${i}`);
    await Promise.all(keys.map((key) => cluster.call('PUT', `/data/${key}`, { body: Buffer.alloc(MIB, 'x') })));
    expect(problem(await cluster.post('/data/bulk/get', keys))).toMatchObject({ status: 413 });
    expect((await cluster.post('/data/bulk/get', keys.slice(0, 7))).status).toBe(200);
  });
});
