import { clusterView, masterUrl, useCluster } from './cluster.js';
import { read, store } from './data-api.js';
import { eventually } from './eventually.js';
import { call } from './http.js';
import { expectProblem } from './problem.js';
import { withNode } from './node-client.js';

const SLOTS = 16_384;
const LEASE_MS = 1_000;
/** A lease, the beats around it, and a busy machine. */
const WITHIN = { timeoutMs: 15_000 };

// Each test goes on from where the one before left the cluster.
const cluster = useCluster({
  masters: 2,
  aux: 2,
  replicas: 2,
  env: { DCS_HEARTBEAT_MS: '200', DCS_LEASE_MS: String(LEASE_MS) },
});
const url = (index = 0) => masterUrl(cluster(), index);

/** Waits until both gateways route to exactly these nodes, with every slot owned. */
async function routesTo(...names: string[]): Promise<void> {
  await eventually(async () => {
    for (const index of [0, 1]) {
      const { nodes } = await clusterView(url(index));
      const owners = nodes.filter(({ slots }) => slots.primary > 0);
      expect(owners.map(({ id }) => id).sort()).toEqual([...names].sort());
      expect(owners.reduce((sum, { slots }) => sum + slots.primary, 0)).toBe(SLOTS);
    }
  }, WITHIN);
}

/** New keys can be written through either gateway and read through the other. */
async function servesNewKeys(prefix: string): Promise<void> {
  for (let index = 0; index < 40; index += 1) {
    const key = `${prefix}:${index}`;
    expect([key, (await store(url(index % 2), key, index)).status]).toEqual([key, 200]);
    expect((await read(url((index + 1) % 2), key)).json()).toMatchObject({ value: index });
  }
}

test('an aux that is added takes its share at once', async () => {
  await routesTo('aux-1', 'aux-2');
  const before = (await clusterView(url())).epoch;
  const added = await cluster().addAux();
  await routesTo('aux-1', 'aux-2', added.name);
  const { epoch, nodes } = await clusterView(url());
  expect(epoch).toBeGreaterThan(before);
  expect(nodes.find(({ id }) => id === added.name)?.slots.primary).toBeGreaterThan((SLOTS / 3) * 0.9);
  await servesNewKeys('added');
  expect(await withNode(added, (client) => client.dbsize())).toBeGreaterThan(0);
});

test('a weight is a share', async () => {
  const heavy = await cluster().addAux({ DCS_WEIGHT: '2', DCS_ZONE: 'z9' });
  await routesTo('aux-1', 'aux-2', 'aux-3', heavy.name);
  const node = (await clusterView(url())).nodes.find(({ id }) => id === heavy.name);
  expect(node).toMatchObject({ weight: 2, zone: 'z9' });
  expect(node?.slots.primary).toBeGreaterThan((SLOTS / 5) * 2 * 0.9);
  await cluster().kill(heavy.name, 'SIGTERM');
  await routesTo('aux-1', 'aux-2', 'aux-3');
});

test('an aux that is stopped leaves', async () => {
  await cluster().kill('aux-3', 'SIGTERM');
  await routesTo('aux-1', 'aux-2');
  await servesNewKeys('stopped');
});

test('an aux that is killed is out within its lease', async () => {
  await cluster().kill('aux-2', 'SIGKILL');
  await routesTo('aux-1');
  await servesNewKeys('killed');
});

test('a killed aux that comes back is a new incarnation and takes its share', async () => {
  await cluster().start('aux-2');
  await routesTo('aux-1', 'aux-2');
  await servesNewKeys('back');
});

test('a killed gateway does not matter to the other, and comes back', async () => {
  const [, second] = cluster().masters;
  await cluster().kill('master-2', 'SIGKILL');
  await store(url(0), 'without master-2', 1);
  expect((await read(url(0), 'without master-2')).status).toBe(200);
  await cluster().start('master-2');
  expect(url(1)).toBe(second?.url);
  expect((await read(url(1), 'without master-2')).json()).toMatchObject({ value: 1 });
});

test('draining by an admin takes a node out of the routing', async () => {
  const answer = await call(url(), '/cluster/nodes/aux-2/drain', { method: 'POST' });
  expect(answer.status).toBe(202);
  await routesTo('aux-1');
  await servesNewKeys('drained');
});

test('with the last aux gone a key is unavailable, not missing', async () => {
  await cluster().kill('aux-1', 'SIGKILL');
  await eventually(async () => expectProblem(await read(url(), 'added:1'), 503, 'ERR_UNAVAILABLE'), WITHIN);
  await eventually(async () => expect((await call(url(), '/health/ready')).status).toBe(503), WITHIN);
});
