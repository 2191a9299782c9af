import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';

jest.setTimeout(40_000);

const INTERVAL_MS = 50;
const MAX_ENTRIES = 100;
/** Comparisons, of all nodes together, in which nothing may happen. */
const QUIET_LOOKS = 24;

describe('owners whose memory is full', () => {
  let cluster: SeveralNodes;

  afterEach(() => cluster.close());

  /** Entries that were evicted or imported. */
  const changes = () =>
    cluster.nodes.reduce((sum, { node }) => {
      const { bytes, entries } = node.store.evictions;
      return sum + bytes + entries + node.replication.importer.entriesReceived;
    }, 0);

  function countLooks(nodes: readonly AuxServer[]): () => number {
    let looks = 0;
    for (const { node } of nodes) {
      const { peers } = node.replication;
      const send = peers.send.bind(peers) as (...request: unknown[]) => void;
      jest.spyOn(peers, 'send').mockImplementation((...request: unknown[]) => {
        if (String(request[1]).includes('DCS.DIGEST')) looks++;
        send(...request);
      });
    }
    return () => looks;
  }

  test('come to rest without traffic: they neither evict nor import, and are ready', async () => {
    cluster = new SeveralNodes();
    const nodes = await cluster.startAll(['a', 'b', 'c'], {
      antiEntropyIntervalMs: INTERVAL_MS,
      maxEntries: MAX_ENTRIES,
    });
    const looks = countLooks(nodes);
    await Promise.all(Array.from({ length: 3 * MAX_ENTRIES }, (_, i) => cluster.set(`key:${i}`, 'value')));
    const evictions = () => nodes.slice(1).map(({ node }) => node.store.evictions.entries);
    const evicted = evictions();
    // One owner lost half of what it had, the oldest of it again.
    const { store } = nodes[0]!.node;
    for (let i = 0; i < 3 * MAX_ENTRIES; i += 2) store.drop(`key:${i}`);
    for (const { node } of nodes) node.replication.wokeUp(); // and all compare
    let since = looks();
    let before = changes();
    await eventually(() => {
      const now = changes();
      if (now !== before) {
        before = now;
        since = looks();
      }
      return looks() - since >= QUIET_LOOKS;
    });
    expect(evictions()).toEqual(evicted);
    expect(nodes.every(({ node }) => node.store.size <= MAX_ENTRIES)).toBe(true);
    expect(nodes.map((server) => server.unreadyReason())).toEqual([undefined, undefined, undefined]);
  });
});
