import { masterUrl, useCluster } from './cluster.js';
import { type Entry, put, read, remove, store } from './data-api.js';
import { expectProblem } from './problem.js';

const CLIENTS = 16;

const cluster = useCluster({ masters: 2 });
const url = (client = 0) => masterUrl(cluster(), client % 2);
const versionOf = async (key: string) => (await read(url(), key)).json<Entry>().version;

describe('If-None-Match on GET', () => {
  test('304 without a body while the version is the same', async () => {
    await store(url(), 'cached', 1);
    const etag = `"${await versionOf('cached')}"`;
    for (const value of [etag, '*', `"x", ${etag}`, `W/${etag}`]) {
      const got = await read(url(), 'cached', { headers: { 'if-none-match': value } });
      expect([value, got.status, got.text, got.headers.etag]).toEqual([value, 304, '', etag]);
    }
    await store(url(), 'cached', 2);
    const changed = await read(url(), 'cached', { headers: { 'if-none-match': etag } });
    expect([changed.status, changed.json<Entry>().value]).toEqual([200, 2]);
  });

  test('a missing key is 404, not 304', async () => {
    expectProblem(await read(url(), 'uncached', { headers: { 'if-none-match': '"x"' } }), 404, 'ERR_NOT_FOUND');
  });
});

describe('conditional PUT', () => {
  test('If-None-Match: * stores only what is not there', async () => {
    expect((await put(url(), 'add', 'one', { 'if-none-match': '*' })).status).toBe(201);
    expectProblem(await put(url(), 'add', 'two', { 'if-none-match': '*' }), 412, 'ERR_PRECONDITION_FAILED');
    expect((await read(url(), 'add')).json()).toMatchObject({ value: 'one' });
    await remove(url(), 'add');
    expect((await put(url(), 'add', 'three', { 'if-none-match': '*' })).status).toBe(201);
  });

  test('If-Match stores only over the version that it names', async () => {
    await store(url(), 'swap', 'one');
    const version = await versionOf('swap');
    const swapped = await put(url(), 'swap', 'two', { 'if-match': `"${version}"` });
    expect(swapped.status).toBe(200);
    expectProblem(await put(url(), 'swap', 'three', { 'if-match': `"${version}"` }), 412, 'ERR_PRECONDITION_FAILED');
    expect((await read(url(), 'swap')).json()).toMatchObject({ value: 'two' });
    expect(swapped.headers.etag).toBe(`"${await versionOf('swap')}"`);
  });

  test('If-Match on a missing key fails and stores nothing', async () => {
    await store(url(), 'other', 1);
    const ifMatch = { 'if-match': `"${await versionOf('other')}"` };
    expectProblem(await put(url(), 'swap missing', 'x', ifMatch), 412, 'ERR_PRECONDITION_FAILED');
    expectProblem(await put(url(), 'swap missing', 'x', { 'if-match': '*' }), 412, 'ERR_PRECONDITION_FAILED');
    expect((await read(url(), 'swap missing')).status).toBe(404);
  });

  test('a condition that is not one is refused, not ignored', async () => {
    await store(url(), 'malformed', 1);
    const answer = await put(url(), 'malformed', 'x', { 'if-match': 'not-a-version' });
    expect([400, 412]).toContain(answer.status);
    expect((await read(url(), 'malformed')).json()).toMatchObject({ value: 1 });
  });
});

describe(`races of ${CLIENTS} clients over two gateways`, () => {
  const clients = Array.from({ length: CLIENTS }, (_, client) => client);

  test('exactly one compare-and-set wins in each round', async () => {
    await store(url(), 'race', 'start');
    for (let round = 0; round < 10; round += 1) {
      const ifMatch = { 'if-match': `"${await versionOf('race')}"` };
      const answers = await Promise.all(
        clients.map((client) => put(url(client), 'race', `${round}:${client}`, ifMatch)),
      );
      const winners = clients.filter((client) => answers[client]?.status === 200);
      expect([answers.map(({ status }) => status).sort(), winners.length]).toEqual([
        [200, ...Array<number>(CLIENTS - 1).fill(412)],
        1,
      ]);
      expect((await read(url(), 'race')).json()).toMatchObject({ value: `${round}:${winners[0]}` });
    }
  });

  test('exactly one add wins in each round', async () => {
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(
        clients.map((client) => put(url(client), `add race ${round}`, String(client), { 'if-none-match': '*' })),
      );
      const winners = clients.filter((client) => answers[client]?.status === 201);
      expect(winners).toHaveLength(1);
      expect((await read(url(), `add race ${round}`)).json()).toMatchObject({ value: String(winners[0]) });
    }
  });

  test('increments by compare-and-set add up', async () => {
    const INCREMENTS = 5;
    await put(url(), 'cas sum', '0');
    await Promise.all(
      clients.map(async (client) => {
        for (let done = 0; done < INCREMENTS; ) {
          const { value, version } = (await read(url(client), 'cas sum')).json<Entry>();
          const next = String(Number(value) + 1);
          const { status } = await put(url(client), 'cas sum', next, { 'if-match': `"${version}"` });
          expect([200, 412]).toContain(status);
          if (status === 200) done += 1;
        }
      }),
    );
    expect((await read(url(), 'cas sum')).json()).toMatchObject({ value: String(CLIENTS * INCREMENTS) });
  });
});
