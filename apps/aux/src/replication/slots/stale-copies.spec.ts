import { slotOfBinary } from '@dcs/consistent-hash';
import { compareVersions, makeVersion, SlotSet } from '@dcs/protocol';
import { SeveralNodes } from '../../../test/several-nodes.js';
import { entryOf } from '../../node/entry.js';
import { Store } from '../../node/store.js';
import { StaleCopies } from './stale-copies.js';

const SLOT = slotOfBinary('{x}');
const at = (ms: number) => makeVersion(ms, 0, 1);

function setUp(
  hinted: ReadonlySet<string> = new Set(),
  uncopied: ReadonlySet<string> = new Set(),
): { store: Store; copies: StaleCopies } {
  const store = new Store({
    maxEntries: 100,
    maxBytes: 2 ** 20,
    tombstoneRetentionMs: 1000,
    now: () => 1000,
    hashSeed: 1,
  });
  for (const [key, ms] of [
    ['{x}old', 5],
    ['{x}hinted', 5],
    ['{x}new', 20],
    ['{y}other', 5],
  ] as const) {
    store.merge(key, entryOf(key, 'value', at(ms)));
  }
  const copies = new StaleCopies(
    store,
    (key) => hinted.has(key),
    (key) => uncopied.has(key),
  );
  copies.mark([SLOT], at(10));
  return { store, copies };
}

const left = (store: Store): string[] =>
  ['{x}old', '{x}hinted', '{x}new', '{y}other'].filter((key) => store.peek(key) !== undefined);

test("a write that could not be copied goes, unless the slot has been this node's all along", () => {
  const uncopied = new Set(['{x}old']);
  const returned = setUp(new Set(), uncopied);
  returned.copies.drop(SlotSet.of([SLOT]));
  expect(left(returned.store)).not.toContain('{x}old');
  const owned = setUp(new Set(), uncopied);
  owned.copies.clear();
  owned.copies.markOwned([SLOT]);
  owned.copies.drop(SlotSet.of([SLOT]));
  expect(left(owned.store)).toEqual(['{x}old', '{y}other']);
});

test('of a marked slot, what is from before the mark is dropped, but for entries kept for an owner', () => {
  const { store, copies } = setUp(new Set(['{x}hinted']));
  copies.drop(SlotSet.of([SLOT]));
  expect(left(store)).toEqual(['{x}hinted', '{x}new', '{y}other']);
});

test('dropping is done once, and not in slots that are not imported, or not marked any more', () => {
  const { store, copies } = setUp();
  copies.drop(SlotSet.of([slotOfBinary('{y}')]));
  expect(store.size).toBe(4);
  copies.drop(SlotSet.of([SLOT]));
  expect(left(store)).toEqual(['{x}new', '{y}other']);
  store.merge('{x}old', entryOf('{x}old', 'value', at(5)));
  copies.drop(SlotSet.of([SLOT]));
  expect(store.peek('{x}old')?.ms).toBe(5);
  copies.mark([SLOT], at(10));
  copies.unmark(SLOT);
  copies.drop(SlotSet.of([SLOT]));
  expect(store.peek('{x}old')?.ms).toBe(5);
});

test('a write that was long on its way is of after the mark, though its version is of before', () => {
  const { store, copies } = setUp();
  const late = entryOf('{x}old', 'late', at(7));
  store.merge('{x}old', late);
  copies.arrived('{x}old', late);
  copies.drop(SlotSet.of([SLOT]));
  expect(left(store)).toEqual(['{x}old', '{x}new', '{y}other']);
});

test('each slot has the mark that it was given last', () => {
  const { store, copies } = setUp();
  copies.mark([slotOfBinary('{y}')], at(30));
  copies.drop(SlotSet.of([SLOT]));
  expect(left(store)).toEqual(['{x}new', '{y}other']);
  copies.mark([SLOT], at(30));
  copies.drop(SlotSet.of([SLOT]));
  expect(left(store)).toEqual(['{y}other']);
});

test('a node tells of what clients write, and of what is copied to it', async () => {
  const cluster = new SeveralNodes();
  try {
    await cluster.startAll(['a', 'b', 'c']);
    const arrived = jest.spyOn(StaleCopies.prototype, 'arrived');
    await cluster.set('k', 'v');
    const stored = cluster.ownersOf('k').map(({ node }) => node.store.peek('k'));
    expect(arrived.mock.calls).toEqual(stored.map((entry) => ['k', entry]));
  } finally {
    await cluster.close();
  }
});

test('a mark covers the copies that a node has taken, though it never wrote itself', async () => {
  const cluster = new SeveralNodes();
  try {
    await cluster.startAll(['a', 'b', 'c']);
    await cluster.set('key', 'value');
    for (const { node } of cluster.ownersOf('key')) {
      expect(compareVersions(node.store.lookup('key')!, node.clock.last)).toBeLessThanOrEqual(0);
    }
  } finally {
    await cluster.close();
  }
});
