import { masterUrl, useCluster } from './cluster.js';
import { dataPath, type Entry, put, read, store } from './data-api.js';
import { type Answer, call } from './http.js';
import { expectProblem } from './problem.js';

const cluster = useCluster({ masters: 2 });
const url = (client = 0) => masterUrl(cluster(), client % 2);

function incr(key: string, body: unknown = {}, client = 0, headers: Record<string, string> = {}): Promise<Answer> {
  return call(url(client), `${dataPath(key)}/incr`, { json: body, headers });
}

describe('POST /data/{key}/incr', () => {
  test('counts from 0 in steps of 1', async () => {
    const first = await incr('steps');
    expect([first.status, first.json()]).toEqual([
      200,
      { key: 'steps', value: 1, version: expect.stringMatching(/./) },
    ]);
    expect((await incr('steps')).json()).toMatchObject({ value: 2 });
    expect((await read(url(), 'steps')).json()).toMatchObject({ key: 'steps', value: 2 });
  });

  test('needs no body', async () => {
    const answer = await call(url(), '/data/bodiless/incr', { method: 'POST' });
    expect([answer.status, answer.json<Entry>().value]).toEqual([200, 1]);
  });

  test('takes a step, also a negative one, and an initial value', async () => {
    expect((await incr('custom', { by: 5, initial: 100 })).json()).toMatchObject({ value: 105 });
    expect((await incr('custom', { by: -7, initial: 100 })).json()).toMatchObject({ value: 98 });
    expect((await incr('custom', { by: 0 })).json()).toMatchObject({ value: 98 });
  });

  test('continues a number that was stored over HTTP', async () => {
    await store(url(), 'stored', 41);
    expect((await incr('stored')).json()).toMatchObject({ value: 42 });
  });

  test('an awkward key is counted', async () => {
    expect((await incr('a/b?c', { by: 3 })).json()).toMatchObject({ key: 'a/b?c', value: 3 });
    expect((await read(url(), 'a/b?c')).json()).toMatchObject({ value: 3 });
  });

  test.each<[string, unknown]>([
    ['text', 'abc'],
    ['an object', { a: 1 }],
    ['a fraction', 1.5],
    ['null', null],
  ])('409 when the value is %s, which stays as it was', async (name, value) => {
    await store(url(), `not a number: ${name}`, value);
    expectProblem(await incr(`not a number: ${name}`), 409, 'ERR_NOT_A_NUMBER');
    expect((await read(url(), `not a number: ${name}`)).json()).toMatchObject({ value });
  });

  test('409 when raw bytes are no number', async () => {
    await put(url(), 'raw', Buffer.from([0xff]));
    expectProblem(await incr('raw'), 409, 'ERR_NOT_A_NUMBER');
  });

  test('a counter does not leave the safe integers', async () => {
    await store(url(), 'brim', Number.MAX_SAFE_INTEGER);
    const over = await incr('brim');
    expect(over.status).toBe(409);
    expect((await read(url(), 'brim')).json()).toMatchObject({ value: Number.MAX_SAFE_INTEGER });
    expect((await incr('brim', { by: -1 })).json()).toMatchObject({ value: Number.MAX_SAFE_INTEGER - 1 });
  });

  test.each([{ by: 1.5 }, { by: '1' }, { by: null }, { by: 2 ** 53 }, { initial: 'x' }, { initial: 0.5 }, [], 'x', 5])(
    '400 for the body %j',
    async (body) => {
      expectProblem(await incr('bad', body), 400, 'ERR_BAD_REQUEST');
      expect((await read(url(), 'bad')).status).toBe(404);
    },
  );

  test('400 for a bad ttl', async () => {
    expectProblem(await incr('bad', { ttl: -1 }), 400, 'ERR_TTL_INVALID');
  });

  test('a ttl is set on a new counter', async () => {
    await incr('mortal', { ttl: 60 });
    const { ttl } = (await read(url(), 'mortal')).json<Entry>();
    expect(ttl).toBeGreaterThan(50);
    expect(ttl).toBeLessThanOrEqual(60);
  });
});

describe('Idempotency-Key', () => {
  test('the same one counts once and answers the same', async () => {
    const once = { 'idempotency-key': 'request-1' };
    const first = await incr('once', { by: 5 }, 0, once);
    const again = await incr('once', { by: 5 }, 1, once);
    expect([again.status, again.json()]).toEqual([first.status, first.json()]);
    expect((await read(url(), 'once')).json()).toMatchObject({ value: 5 });
  });

  test('the same one with another request is refused, through every gateway', async () => {
    const once = { 'idempotency-key': 'request-4' };
    await incr('reused', { by: 1 }, 0, once);
    for (const client of [0, 1]) {
      expectProblem(await incr('reused', { by: 100 }, client, once), 422, 'ERR_IDEMPOTENCY_KEY_REUSED');
    }
    expect((await incr('reused', { by: 1 }, 1, once)).json()).toMatchObject({ value: 1 });
  });

  test('a different one counts again, and keys do not share them', async () => {
    await incr('other', {}, 0, { 'idempotency-key': 'request-1' });
    await incr('other', {}, 0, { 'idempotency-key': 'request-2' });
    expect((await read(url(), 'other')).json()).toMatchObject({ value: 2 });
  });

  test('sixteen copies of one request count once', async () => {
    const copies = Array.from({ length: 16 }, (_, client) =>
      incr('copies', {}, client, { 'idempotency-key': 'request-3' }),
    );
    const answers = await Promise.all(copies);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.json()).toMatchObject({ value: 1 });
  });
});

test('counters of 16 clients over two gateways add up', async () => {
  const CLIENTS = 16;
  const INCREMENTS = 25;
  const seen = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const values: number[] = [];
      for (let done = 0; done < INCREMENTS; done += 1) {
        values.push((await incr('sum', {}, client)).json<{ value: number }>().value);
      }
      return values;
    }),
  );
  const total = CLIENTS * INCREMENTS;
  expect(seen.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, index) => index + 1));
  expect((await read(url(), 'sum')).json()).toMatchObject({ value: total });
});
