import { eventually, SeveralNodes } from '../../../test/several-nodes.js';

jest.setTimeout(60_000);

const IDS = ['a', 'b', 'c', 'd'];
const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);

let cluster: SeveralNodes;
beforeEach(() => {
  cluster = new SeveralNodes();
});
afterEach(() => cluster.close());

/** One node after the other ends in order and comes back with another number of replicas. */
async function rollTo(replicas: number, afterEach: () => Promise<void>): Promise<void> {
  for (const id of IDS) {
    const old = cluster.nodes.find(({ node }) => node.id === id)!;
    await old.close();
    await cluster.crash(old); // nothing is left to crash: the fixture forgets it
    await cluster.start(id, {}, { replicas });
    await cluster.inSync();
    await afterEach();
  }
}

async function everythingIsOn(copies: number): Promise<void> {
  const holders = (key: string): number => cluster.nodes.filter((node) => cluster.stored(node, key) === key).length;
  for (const key of KEYS) expect(cluster.ownersOf(key)).toHaveLength(copies);
  await eventually(() => KEYS.every((key) => holders(key) === copies)); // copies that are no longer needed go later
}

test('a rolling change of the number of replicas is a change of owners: nothing is lost on the way up or down', async () => {
  await cluster.startAll(IDS);
  for (const key of KEYS) await cluster.set(key, key);
  await everythingIsOn(2);

  let step = 0;
  await rollTo(3, async () => {
    step++;
    for (const key of KEYS) expect(await cluster.get(key)).toBe(key);
    await cluster.set(`during ${step}`, 'x');
    expect(cluster.ownersOf('key:0')).toHaveLength(3); // the first that asks for three is enough
  });
  await everythingIsOn(3);

  await rollTo(2, async () => {
    for (const key of KEYS) expect(await cluster.get(key)).toBe(key);
  });
  await everythingIsOn(2);
  for (let i = 1; i <= IDS.length; i++) expect(await cluster.get(`during ${i}`)).toBe('x');
});
