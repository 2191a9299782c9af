import { DiskNodes } from '../../../test/disk-nodes.js';
import { eventually, type SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';
import { type Entry, entryOf } from '../../node/entry.js';
import type { NodeBackup } from '../../node/ports.js';

jest.setTimeout(60_000);

const ONE_COPY = { replicas: 1 };

describe('a node that joins those who serve, and takes a slot from one that still recovers it', () => {
  let nodes: DiskNodes;
  let cluster: SeveralNodes;

  beforeEach(() => {
    nodes = new DiskNodes();
    ({ cluster } = nodes);
  });

  afterEach(() => nodes.close());

  /** A backup that has the value of each of the keys, and of each no more than is asked for. */
  function backupOf(entries: ReadonlyMap<string, Entry>, until: Promise<void> = Promise.resolve()): NodeBackup {
    return {
      async restore(slots, merge) {
        await until;
        for (const [key, entry] of entries) if (slots.has(entry.slot)) merge(key, entry);
      },
    };
  }

  function entriesOfKeys(): Map<string, Entry> {
    return new Map(nodes.keys.map((key) => [key, entryOf(key, `value of ${key}`, cluster.clock.next())]));
  }

  const isRecovering = ({ node }: AuxServer): boolean => node.replication.recovery.isRecovering;
  const allSee = (count: number): Promise<void> =>
    eventually(() => cluster.nodes.every(({ node }) => node.ownership.up.length === count));

  test('has what that one restores from a backup after that', async () => {
    let read: () => void;
    const entries = entriesOfKeys();
    nodes.backup = backupOf(entries, new Promise<void>((resolve) => (read = resolve)));
    const b = await nodes.start('b', ONE_COPY);
    await eventually(() => isRecovering(b));
    nodes.backup = backupOf(new Map());
    const a = await nodes.start('a', ONE_COPY);
    await eventually(() => !isRecovering(a));
    await nodes.start('c', ONE_COPY);
    await allSee(3);
    await new Promise((resolve) => setTimeout(resolve, 500)); // for c to import what it is told
    read!();
    await cluster.inSync();
    const ofC = nodes.keys.filter((key) => cluster.primaryOf(key).node.id === 'c');
    expect(ofC.length).toBeGreaterThan(0);
    for (const key of ofC) expect(await cluster.get(key)).toBe(`value of ${key}`);
  });

  test('has what it had itself, by a backup, where the others have not waited for it', async () => {
    const soon = { ...ONE_COPY, recoveryWaitMs: 300, leaseMs: 6000 };
    await nodes.startAll(['a', 'b', 'x'], soon);
    await nodes.fill();
    const ofX = nodes.keys.filter((key) => cluster.primaryOf(key).node.id === 'x');
    await nodes.crash('a', 'b', 'x');
    for (const platter of nodes.platters.values()) platter.wipe();
    nodes.backup = backupOf(entriesOfKeys());
    await Promise.all([nodes.start('a', soon), nodes.start('b', soon)]);
    await new Promise((resolve) => setTimeout(resolve, 1500)); // x is dead, and the view does not know yet
    await nodes.start('x', soon);
    await cluster.inSync();
    expect(ofX.length).toBeGreaterThan(0);
    for (const key of ofX) expect(await cluster.get(key)).toBe(`value of ${key}`);
  });

  describe('where a node that had slots is waited for', () => {
    let ofX: string[];
    let entries: Map<string, Entry>;
    let b: AuxServer;

    /** All go; b comes back and waits for x, a does not wait and serves, c is new and joins. */
    async function loseX(waitMs: number): Promise<void> {
      await nodes.startAll(['a', 'b', 'x'], ONE_COPY);
      await nodes.fill();
      ofX = nodes.keys.filter((key) => cluster.primaryOf(key).node.id === 'x');
      entries = entriesOfKeys();
      await nodes.crash('a', 'b', 'x');
      nodes.backup = backupOf(new Map([...entries].filter(([key]) => ofX.includes(key))));
      b = await nodes.start('b', { ...ONE_COPY, recoveryWaitMs: waitMs });
      const a = await nodes.start('a', { ...ONE_COPY, recoveryWaitMs: 500 });
      await allSee(2); // the lease of x is over
      await eventually(() => !isRecovering(a));
      expect(isRecovering(b)).toBe(true);
      await nodes.start('c', ONE_COPY);
      await allSee(3);
    }

    test('has what that one finds in the backup when it has waited for long enough', async () => {
      await loseX(6000);
      expect(isRecovering(b)).toBe(true);
      await cluster.inSync();
      const moved = ofX.filter((key) => cluster.primaryOf(key).node.id === 'c');
      expect(moved.length).toBeGreaterThan(0);
      for (const key of moved) expect(await cluster.get(key)).toBe(`value of ${key}`);
    });

    test('has what is on the disk of the one that was waited for', async () => {
      await loseX(60_000);
      await nodes.start('x', ONE_COPY);
      await cluster.inSync();
      const moved = ofX.filter((key) => cluster.primaryOf(key).node.id === 'c');
      expect(moved.length).toBeGreaterThan(0);
      for (const key of moved) expect(await cluster.get(key)).toBe(`value of ${key}`);
    });
  });
});
