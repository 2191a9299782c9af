import { slotOfBinary } from '@dcs/consistent-hash';
import { ALWAYS, encodeDelete, encodeSet, IF_PRESENT, KIND_STRING } from '@dcs/protocol';
import { eventually, SeveralNodes } from '../../test/several-nodes.js';
import { silence } from '../../test/silence.js';
import type { AuxServer } from '../aux-server.js';
import { PRIMARY } from '../node/ownership.js';

jest.setTimeout(30_000);

describe('a replica that becomes the primary of a slot', () => {
  const KEY = 'k';
  let cluster: SeveralNodes;

  beforeEach(() => {
    cluster = new SeveralNodes();
  });

  afterEach(() => cluster.close());

  test('asks the primary before, which lives, what it has done and not copied yet', async () => {
    for (const id of ['a', 'b', 'c']) await cluster.start(id, {}, { antiEntropyIntervalMs: 600_000 });
    await cluster.settled();
    await cluster.set(KEY, 'v');
    const [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    for (const other of cluster.nodes) if (other !== primary) silence(primary, other, 'DCS.MERGE');
    const deletion = cluster.request(primary, encodeDelete(cluster.write(), ALWAYS, KEY)).catch(() => undefined);
    await eventually(() => cluster.stored(primary, KEY) === undefined);
    expect(cluster.stored(replica, KEY)).toBe('v');

    const left = primary.close();
    await eventually(() => replica.node.ownership.roleOf(slotOfBinary(KEY)) === PRIMARY);
    // To replace what the delete has removed would be based on what is not there any more.
    const replaced = cluster.request(replica, encodeSet(cluster.write(), IF_PRESENT, 0, KIND_STRING, KEY, 'w'));
    await expect(replaced).rejects.toMatchObject({ code: 'PRECONDITION' });
    await Promise.all([left, deletion]);
    cluster.nodes = cluster.nodes.filter((each) => each !== primary);
    for (const server of cluster.nodes) expect(cluster.stored(server, KEY)).toBeUndefined();
  });
});
