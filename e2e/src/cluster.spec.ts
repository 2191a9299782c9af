import { clusterView, masterUrl, useCluster } from './cluster.js';
import { read, remove, store } from './data-api.js';
import { call } from './http.js';
import { AWKWARD_KEYS } from './keys.js';
import { type KeyPlace, placeOf } from './node-client.js';
import { expectProblem } from './problem.js';

const SLOTS = 16_384;

const cluster = useCluster({ masters: 2, aux: 3, replicas: 2 });
const url = (index = 0) => masterUrl(cluster(), index);

describe('GET /cluster', () => {
  test('names every node with its address, state and share', async () => {
    const { epoch, nodes } = await clusterView(url());
    expect(epoch).toBeGreaterThan(0);
    expect(nodes.map(({ id }) => id).sort()).toEqual(
      cluster()
        .aux.map(({ name }) => name)
        .sort(),
    );
    for (const node of nodes) {
      expect(node).toMatchObject({
        state: 'up',
        incarnation: expect.anything(),
        weight: 1,
        zone: '',
        stats: { entries: expect.any(Number), bytes: expect.any(Number), handoff: { slotsToGo: 0 } },
      });
      expect(node.stats).toHaveProperty('hitRatio');
      const aux = cluster().aux.find(({ name }) => name === node.id);
      expect(node.address).toBe(`${aux?.host}:${aux?.dataPort}`);
    }
  });

  test('every slot has one primary and one replica, evenly spread', async () => {
    const { nodes } = await clusterView(url());
    expect(nodes.reduce((sum, { slots }) => sum + slots.primary, 0)).toBe(SLOTS);
    expect(nodes.reduce((sum, { slots }) => sum + slots.replica, 0)).toBe(SLOTS);
    for (const { slots } of nodes) expect(slots.primary / (SLOTS / nodes.length)).toBeLessThan(1.1);
  });

  test('both gateways agree', async () => {
    const [first, second] = await Promise.all([clusterView(url(0)), clusterView(url(1))]);
    const outline = ({ epoch, nodes }: typeof first) => ({
      epoch,
      nodes: nodes.map(({ id, state, slots }) => ({ id, state, slots })).sort((a, b) => a.id.localeCompare(b.id)),
    });
    expect(outline(first)).toEqual(outline(second));
  });

  test('entries are counted', async () => {
    const count = async () =>
      (await clusterView(url())).nodes.reduce((sum, { stats }) => sum + (stats?.entries ?? 0), 0);
    const before = await count();
    const items = Array.from({ length: 50 }, (_, index) => ({ key: `counted ${index}`, value: index }));
    await call(url(), '/data/bulk', { json: items });
    expect(await count()).toBeGreaterThanOrEqual(before + 50);
  });
});

describe('GET /cluster/keys/{key}', () => {
  test('both gateways name the same slot and owners for any key', async () => {
    for (const key of AWKWARD_KEYS) {
      const [first, second] = await Promise.all([placeOf(url(0), key), placeOf(url(1), key)]);
      expect(first).toEqual(second);
      expect(first.key).toBe(key);
      expect(first.slot).toBeGreaterThanOrEqual(0);
      expect(first.slot).toBeLessThan(SLOTS);
      expect(new Set(first.owners).size).toBe(2);
    }
  });

  test.each([
    ['foo', 12_182], // the slots that Redis Cluster gives these keys
    ['123456789', 12_739],
    ['{user1000}.following', 3_443],
    ['{user1000}.followers', 3_443],
    ['', undefined],
  ])('the slot of %j is that of Redis Cluster', async (key, slot) => {
    const answer = await call(url(), `/cluster/keys/${encodeURIComponent(key)}`);
    if (slot === undefined) expect(answer.status).toBeGreaterThanOrEqual(400);
    else expect(answer.json<KeyPlace>().slot).toBe(slot);
  });
});

test('what one gateway writes the other reads, overwrites and deletes', async () => {
  for (const key of AWKWARD_KEYS) {
    await store(url(0), key, 'first');
    expect((await read(url(1), key)).json()).toMatchObject({ value: 'first' });
    await store(url(1), key, 'second');
    expect((await read(url(0), key)).json()).toMatchObject({ value: 'second' });
    expect((await remove(url(1), key)).status).toBe(200);
    expect((await read(url(0), key)).status).toBe(404);
  }
});

describe('health', () => {
  test.each([
    ['/health', 'ok'],
    ['/health/live', 'ok'],
    ['/health/ready', 'ready'],
  ])('a gateway answers 200 to %s', async (path, status) => {
    for (const index of [0, 1]) {
      const answer = await call(url(index), path);
      expect([answer.status, answer.json<{ status: string }>().status]).toEqual([200, status]);
    }
  });

  test.each(['/health/live', '/health/ready'])('a node answers 200 to %s', async (path) => {
    for (const { host, httpPort } of cluster().aux) {
      expect((await call(`http://${host}:${httpPort}`, path)).status).toBe(200);
    }
  });
});

test('draining a node that is not there is 404', async () => {
  expectProblem(await call(url(), '/cluster/nodes/nobody/drain', { method: 'POST' }), 404, 'ERR_NOT_FOUND');
});
