import { slotOfBinary } from '@dcs/consistent-hash';
import { makeVersion } from '@dcs/protocol';
import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import { silence } from '../../../test/silence.js';
import type { AuxServer } from '../../aux-server.js';
import { Entry, frame } from '../../node/entry.js';

jest.setTimeout(30_000);

describe('an entry that an owner missed, and that is evicted before the owner hears of it', () => {
  const KEY = 'key';
  const MAX_ENTRIES = 64;
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;

  const start = async (config: Readonly<Record<string, unknown>> = {}): Promise<void> => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c'], { maxEntries: MAX_ENTRIES, antiEntropyIntervalMs: 500, ...config });
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
  };

  afterEach(() => cluster.close());

  /** Memory is full of what was used since, in slots of which the replica has none. */
  function fill({ node }: AuxServer): void {
    let left = MAX_ENTRIES;
    for (let i = 0; left > 0; i++) {
      const key = `filler ${i}`;
      const slot = slotOfBinary(key);
      if (node.ownership.table.isOwner(replica.node.id, slot)) continue;
      node.store.merge(key, new Entry(frame('v'), 's', 1, i, 0, slot));
      left--;
    }
  }

  async function missAndEvict(): Promise<void> {
    await cluster.set(KEY, 'old');
    const heal = silence(primary, replica);
    await cluster.set(KEY, 'new');
    expect(cluster.stored(replica, KEY)).toBe('old');
    for (const server of [primary, cluster.strangerTo(KEY)]) fill(server);
    for (const { node } of [primary, cluster.strangerTo(KEY)]) expect(node.store.peek(KEY)).toBeUndefined();
    heal();
  }

  test('leaves a trace, so that what it replaced does not come back', async () => {
    await start();
    await missAndEvict();
    await eventually(() => cluster.stored(replica, KEY) === undefined);
    await cluster.inSync();
    for (const server of [primary, replica]) {
      expect(await cluster.get(KEY, server).catch(() => undefined)).toBeUndefined();
      expect(cluster.stored(server, KEY)).toBeUndefined();
    }
    await cluster.set(KEY, 'newest');
    expect(cluster.stored(replica, KEY)).toBe('newest');
  });

  test('where there is no room for a trace, the owner drops what it has of the slot', async () => {
    await start({ maxTombstones: 1 });
    const { store } = primary.node;
    store.merge('deleted', store.tombstone(makeVersion(1, 0, 1), slotOfBinary('deleted')));
    await missAndEvict();
    expect(store.lostTraces.count).toBe(1);
    await eventually(() => cluster.stored(replica, KEY) === undefined);
    await cluster.inSync();
    expect(await cluster.get(KEY, primary)).toBeUndefined();
    expect(cluster.stored(primary, KEY)).toBeUndefined();
    await cluster.set(KEY, 'newest');
    expect(cluster.stored(replica, KEY)).toBe('newest');
  });
});
