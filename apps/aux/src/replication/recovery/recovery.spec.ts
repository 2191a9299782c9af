import { BLOCKED_ERROR, encodeIncrement, type WriteContext } from '@dcs/protocol';
import { DiskNodes } from '../../../test/disk-nodes.js';
import { eventually, type SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';
import type { Entry } from '../../node/entry.js';
import { MemoryDisk } from '../../persistence/memory-disk.js';
import { Platter } from '../../persistence/platter.js';

jest.setTimeout(60_000);

/** A replica says nothing before it has heard what it lacks. */
function whileBehind(error: unknown): undefined {
  expect(error).toMatchObject({ code: 'TRYAGAIN' });
}

describe('nodes with disks', () => {
  let nodes: DiskNodes;
  let cluster: SeveralNodes;
  let platters: DiskNodes['platters'];
  let KEYS: readonly string[];

  beforeEach(() => {
    nodes = new DiskNodes();
    ({ cluster, platters, keys: KEYS } = nodes);
  });

  afterEach(() => nodes.close());

  const start = (id: string, config: Readonly<Record<string, unknown>> = {}, loadMs = 0): Promise<AuxServer> =>
    nodes.start(id, config, loadMs);
  const startAll = (...ids: string[]): Promise<void> => nodes.startAll(ids);
  const crashAll = (...ids: string[]): Promise<void> => nodes.crash(...ids);
  const fill = (): Promise<void> => nodes.fill();
  const expectAll = (): Promise<void> => nodes.expectAll();
  const historyOf = ({ node }: AuxServer): string | undefined => node.replication.recovery.historyId;

  test('a new cluster does not wait for anything', async () => {
    await Promise.all(['a', 'b', 'c'].map((id) => start(id, { recoveryWaitMs: 600_000, recoveryGraceMs: 600_000 })));
    await cluster.inSync();
    await eventually(() => new Set(cluster.nodes.map(historyOf)).size === 1);
  });

  test('a new cluster whose first node still looks into backups when the second asks it', async () => {
    const forEver = { recoveryWaitMs: 600_000, recoveryGraceMs: 600_000 };
    let found: () => void;
    const looked = new Promise<void>((resolve) => (found = resolve));
    nodes.backup = { restore: () => looked };
    const a = await start('a', forEver);
    expect(a.unreadyReason()).toMatch(/^16384 slots wait/);
    const b = await start('b', forEver);
    await eventually(() => [a, b].every(({ node }) => node.ownership.up.length === 2));
    await new Promise((resolve) => setTimeout(resolve, 300)); // for b to hear that a recovers
    found!();
    await cluster.inSync();
    await cluster.set('key', 'value');
    expect(await cluster.get('key')).toBe('value');
  });

  test('what was done before all were killed, and is repeated after, is not done again', async () => {
    await startAll('a', 'b', 'c');
    const increment = (context: WriteContext): string =>
      encodeIncrement(context, { by: 1, initial: 0, expiresAt: 0, token: '' }, 'k');
    const [first, second] = [cluster.write(), cluster.write()];
    await cluster.request(cluster.primaryOf('k'), increment(first));
    await cluster.request(cluster.primaryOf('k'), increment(second));
    await nodes.noted();
    await crashAll('a', 'b', 'c');
    await startAll('a', 'b', 'c');
    const again = (context: WriteContext) =>
      cluster.request(cluster.primaryOf('k'), increment({ ...context, attempt: 9 }));
    await expect(again(first)).rejects.toMatchObject({ code: 'STALE' });
    expect(await again(second)).toMatch(/^2\b/);
    expect(await cluster.get('k')).toBe('2');
  });

  test('all are killed and start again: everything is there, deletes stay deletes', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await cluster.delete('key:0');
    await crashAll('a', 'b', 'c');
    await startAll('a', 'b', 'c');
    expect(await cluster.get('key:0')).toBeUndefined();
    await cluster.set('key:0', 'value of key:0');
    await expectAll();
  });

  test('until those who had a key last are back it is unknown, not missing', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await crashAll('a', 'b', 'c');
    const a = await start('a', { recoveryWaitMs: 60_000 });
    await eventually(() => a.node.ownership.self?.state === 'up');
    await eventually(() => a.node.ownership.up.length === 1); // the leases of the others are over
    for (const key of KEYS.slice(0, 20)) await expect(cluster.get(key, a)).rejects.toThrow(BLOCKED_ERROR);
    await expect(cluster.set('key:0', 'x')).rejects.toThrow(BLOCKED_ERROR);
    await Promise.all([start('b'), start('c')]);
    await cluster.inSync();
    await expectAll();
  });

  test('one disk is wiped: the others have all of it', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await crashAll('a', 'b', 'c');
    platters.get('a')!.wipe();
    await start('a'); // the first to come back knows nothing
    await Promise.all([start('b'), start('c')]);
    await cluster.inSync();
    await expectAll();
  });

  test('one disk is wiped, and its node is back long before the others: it does not take the cluster for empty', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await crashAll('a', 'b', 'c');
    platters.get('a')!.wipe();
    const a = await start('a', { recoveryWaitMs: 60_000, recoveryGraceMs: 1 });
    await eventually(() => a.node.ownership.up.length === 1); // the leases of the others are over
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const key of KEYS.slice(0, 20)) await expect(cluster.get(key, a)).rejects.toThrow(BLOCKED_ERROR);
    await expect(cluster.set('key:0', 'x')).rejects.toThrow(BLOCKED_ERROR);
    await Promise.all([start('b'), start('c')]);
    await cluster.inSync();
    await expectAll();
  });

  test('one disk is wiped: the node that stood in for the other owner is waited for', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    const ownersOf = (key: string): string[] => cluster.ownersOf(key).map(({ node }) => node.id);
    const key = KEYS.find((candidate) => ownersOf(candidate).join() === 'a,b')!;
    await crashAll('b');
    await cluster.set(key, 'only a and c have it');
    await crashAll('a', 'c');
    platters.get('a')!.wipe();
    const [a] = await Promise.all([start('a', { recoveryWaitMs: 60_000 }), start('b', { recoveryWaitMs: 60_000 })]);
    await eventually(() => a.node.ownership.up.length === 2); // the lease of the other is over
    await new Promise((resolve) => setTimeout(resolve, 500));
    await expect(cluster.get(key)).rejects.toThrow(BLOCKED_ERROR);
    await start('c');
    await cluster.inSync();
    expect(await cluster.get(key)).toBe('only a and c have it');
  });

  test('all disks are wiped, and all are back: nobody is waited for', async () => {
    await startAll('a', 'b', 'c');
    await crashAll('a', 'b', 'c');
    for (const platter of platters.values()) platter.wipe();
    const LONG = { recoveryWaitMs: 600_000, recoveryGraceMs: 600_000 };
    await Promise.all(['a', 'b', 'c'].map((id) => start(id, LONG)));
    await cluster.inSync();
  });

  test('a node that is there and still loads its disk is waited for, however long that takes', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await crashAll('a', 'b', 'c');
    const soon = { recoveryWaitMs: 1500 };
    await Promise.all([start('a', soon), start('b', soon, 4000), start('c', soon, 4000)]);
    await cluster.inSync();
    await expectAll();
    for (const { node } of cluster.nodes) expect(node.replication.recovery.slotsGivenUp).toBe(0);
  });

  test('one never comes back: after the wait the others go on with what they have', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await crashAll('a', 'b', 'c');
    await startAll('b', 'c');
    await expectAll();
    await start('a');
    await cluster.inSync();
    await expectAll();
  });

  test('what only a late disk has comes back with it', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    await crashAll('a', 'b', 'c');
    await startAll('a'); // goes on alone, without what only b and c had
    await Promise.all([start('b'), start('c')]);
    await eventually(async () => {
      for (const key of KEYS) {
        const value = await cluster.get(key).catch(() => 'unknown');
        if (value !== `value of ${key}`) return false;
      }
      return true;
    });
  });

  test('both owners of a slot die, others live: the slot is unknown until one of the disks is back', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    const lost = KEYS.filter((key) => cluster.ownersOf(key).every(({ node }) => node.id !== 'c'));
    await crashAll('a', 'b');
    const [c] = cluster.nodes;
    await eventually(() => c!.node.ownership.up.length === 1);
    for (const key of lost.slice(0, 10)) await expect(cluster.get(key, c)).rejects.toThrow(BLOCKED_ERROR);
    await Promise.all([start('a'), start('b')]);
    await cluster.inSync();
    await expectAll();
  });

  /** All nodes with their disks; returns what they had. */
  async function loseAll(): Promise<ReadonlyMap<string, Entry>> {
    const copies = new Map<string, Entry>();
    for (const { node } of cluster.nodes) node.store.scan(0, 1e9, (key, entry) => copies.set(key, entry));
    await crashAll('a', 'b', 'c');
    for (const platter of platters.values()) platter.wipe();
    return copies;
  }

  test('all disks are wiped: the backup has it', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    const copies = await loseAll();
    let whenAsked = 0;
    nodes.backup = {
      async restore(slots, merge) {
        whenAsked++;
        await new Promise((resolve) => setTimeout(resolve, 100));
        for (const [key, entry] of copies) if (slots.has(entry.slot)) merge(key, entry);
      },
    };
    await startAll('a', 'b');
    expect(whenAsked).toBeGreaterThan(0);
    await expectAll();
  });

  test('a backup that cannot be read at first is tried again', async () => {
    await startAll('a', 'b', 'c');
    await fill();
    const copies = await loseAll();
    const unreadableUntil = Date.now() + 1500;
    nodes.backup = {
      async restore(slots, merge) {
        if (Date.now() < unreadableUntil) throw new Error('the directory is missing');
        for (const [key, entry] of copies) if (slots.has(entry.slot)) merge(key, entry);
      },
    };
    const LONG = { recoveryWaitMs: 600_000 };
    await Promise.all(['a', 'b', 'c'].map((id) => start(id, LONG)));
    await cluster.inSync();
    await expectAll();
  });

  test('a disk that cannot be written refuses writes in words, and reads go on', async () => {
    const timers = nodes.timersFor('a');
    const disk = new MemoryDisk({ platter: new Platter(), timers, now: Date.now });
    const a = await cluster.start('a', { disk });
    await cluster.inSync();
    await cluster.set('k', 'v');
    disk.refusal = 'cannot write: ENOSPC';
    await expect(cluster.set('k', 'w')).rejects.toThrow('MISCONF cannot write: ENOSPC');
    expect(await cluster.get('k', a)).toBe('v');
    disk.refusal = undefined;
    await cluster.set('k', 'x');
    expect(await cluster.get('k', a)).toBe('x');
  });

  test('an owner whose disk takes nothing counts as no copy, and shows nothing old', async () => {
    const timers = nodes.timersFor('a');
    const full = new MemoryDisk({ platter: new Platter(), timers, now: Date.now });
    const a = await cluster.start('a', { disk: full });
    await Promise.all([start('b'), start('c')]);
    await cluster.inSync();
    await Promise.all(KEYS.map((key) => cluster.set(key, 'before')));
    full.refusal = 'cannot write: ENOSPC';
    const copied = KEYS.filter((key) => cluster.ownersOf(key)[1] === a).slice(0, 20);
    expect(copied.length).toBeGreaterThan(0);
    await Promise.all(copied.map((key) => cluster.set(key, 'after')));
    for (const key of copied) {
      await eventually(async () => (await cluster.get(key, a).catch(whileBehind)) === 'after');
      const others = cluster.nodes.filter((node) => node !== a && cluster.stored(node, key) === 'after');
      expect(others).toHaveLength(2); // the primary, and a node that stands in
    }
  });
});
