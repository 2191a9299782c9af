import { slotOfBinary } from '@dcs/consistent-hash';
import { SeveralNodes } from '../../../test/several-nodes.js';
import { silence } from '../../../test/silence.js';
import type { AuxServer } from '../../aux-server.js';
import { entryOf } from '../../node/entry.js';
import { ClusterLink } from './cluster-link.js';

jest.setTimeout(30_000);

describe('ClusterLink', () => {
  const KEY = 'k';
  let cluster: SeveralNodes;
  let link: ClusterLink;
  let primary: AuxServer;
  let replica: AuxServer;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c'], { antiEntropyIntervalMs: 600_000 });
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    const { port } = cluster.strangerTo(KEY).data;
    link = new ClusterLink({ node: { host: '127.0.0.1', port }, secrets: [] });
  });

  afterEach(async () => {
    await link.close();
    await cluster.close();
  });

  async function send(): Promise<void> {
    await link.refresh();
    link.send(KEY, entryOf(KEY, 'v', cluster.clock.next()));
    await link.drained(true);
    expect(link.failed).toEqual([]);
  }

  const holders = (): AuxServer[] => cluster.nodes.filter((each) => cluster.stored(each, KEY) === 'v');

  test('sends an entry to all owners of its slot, whichever node it asks, and to nobody else', async () => {
    await send();
    expect(new Set(holders())).toEqual(new Set([primary, replica]));
  });

  test('sends to an owner that compares what it has with another', async () => {
    silence(replica, primary);
    const { ledger } = replica.node.replication;
    ledger.ask(slotOfBinary(KEY), primary.node.id);
    await send();
    expect(ledger.isComparing(slotOfBinary(KEY))).toBe(true);
    expect(holders()).toContain(replica);
  });

  test('says of an entry that an owner did not take that it failed', async () => {
    await link.refresh();
    await primary.data.close(0);
    link.send(KEY, entryOf(KEY, 'v', cluster.clock.next()));
    await link.drained(true);
    expect(link.failed).toMatchObject([{ key: KEY, error: expect.any(Error) }]);
  });
});
