import { encodeIncrement, type WriteContext } from '@dcs/protocol';
import { eventually, SeveralNodes } from '../../test/several-nodes.js';
import { disconnect, silence } from '../../test/silence.js';
import type { AuxServer } from '../aux-server.js';

jest.setTimeout(30_000);

describe('an increment that could not be copied', () => {
  const KEY = 'k';
  let cluster: SeveralNodes;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c'], { antiEntropyIntervalMs: 600_000 });
  });

  afterEach(() => cluster.close());

  test('counts once, though others were made since, and the primary has died before it is repeated', async () => {
    const [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    const increment = (context: WriteContext): string =>
      encodeIncrement(context, { by: 1, initial: 0, expiresAt: 0, token: '' }, KEY);
    const first = cluster.write();
    silence(primary, replica, 'DCS.SYNC');
    const others = cluster.nodes.filter((each) => each !== primary);
    const heal = others.map((other) => disconnect(primary, other));
    await expect(cluster.request(primary, increment(first))).rejects.toMatchObject({ code: 'CLUSTERDOWN' });
    expect(cluster.stored(primary, KEY)).toBe('1');
    for (const end of heal) end();
    await eventually(() => others.every(({ node }) => !primary.node.replication.peers.isSuspect(node.id)));
    expect(await cluster.request(primary, increment(cluster.write()))).toMatch(/^2\b/);
    await cluster.crash(primary);
    expect(await cluster.request(replica, increment({ ...first, attempt: 2 }))).toMatch(/^1\b/);
    expect(cluster.stored(replica, KEY)).toBe('2');
  });
});
