import { eventually, SeveralNodes } from '../../../test/several-nodes.js';

jest.setTimeout(60_000);

const IDS = ['a', 'b', 'c', 'd'];
const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);

let cluster: SeveralNodes;
beforeEach(() => {
  cluster = new SeveralNodes();
});
afterEach(() => cluster.close());

/** A node ends in order and comes back with another number of replicas. */
async function restart(id: string, replicas: number): Promise<void> {
  const old = cluster.nodes.find(({ node }) => node.id === id)!;
  await old.close();
  await cluster.crash(old); // nothing is left to crash: the fixture forgets it
  await cluster.start(id, {}, { replicas });
  await cluster.inSync();
}

async function everythingIsOn(copies: number): Promise<void> {
  const holders = (key: string): number => cluster.nodes.filter((node) => cluster.stored(node, key) === key).length;
  for (const key of KEYS) expect(cluster.ownersOf(key)).toHaveLength(copies);
  for (const key of KEYS) expect(await cluster.get(key)).toBe(key);
  await eventually(() => KEYS.every((key) => holders(key) === copies)); // copies that are no longer needed go later
}

test('another number of replicas is a change of owners: the first node that asks for more brings it, the last ends it', async () => {
  await cluster.startAll(IDS);
  for (const key of KEYS) await cluster.set(key, key);
  await everythingIsOn(2);
  await restart('a', 3);
  await everythingIsOn(3);
  await restart('b', 3);
  await restart('a', 2);
  await everythingIsOn(3);
  await restart('b', 2);
  await everythingIsOn(2);
});
