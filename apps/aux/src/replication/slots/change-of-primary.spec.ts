import { slotOfBinary } from '@dcs/consistent-hash';
import {
  ALWAYS,
  decodeDigestReply,
  encodeDelete,
  encodeDigest,
  encodeSet,
  IF_PRESENT,
  KIND_STRING,
  SLOT_COMPARING,
  SLOT_IN_SYNC,
  SlotSet,
} from '@dcs/protocol';
import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import { silence } from '../../../test/silence.js';
import type { AuxServer } from '../../aux-server.js';
import { entryOf } from '../../node/entry.js';
import { PRIMARY, REPLICA } from '../../node/ownership.js';

jest.setTimeout(30_000);

describe('a replica that becomes the primary of a slot', () => {
  const KEY = 'k';
  const SLOT = slotOfBinary(KEY);
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c'], { antiEntropyIntervalMs: 600_000 });
    await cluster.set(KEY, 'v');
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
  });

  afterEach(() => cluster.close());

  test('asks the primary before, which lives, what it has done and not copied yet', async () => {
    for (const other of cluster.nodes) if (other !== primary) silence(primary, other, 'DCS.MERGE');
    const deletion = cluster.request(primary, encodeDelete(cluster.write(), ALWAYS, KEY)).catch(() => undefined);
    await eventually(() => cluster.stored(primary, KEY) === undefined);
    expect(cluster.stored(replica, KEY)).toBe('v');

    const left = await leave();
    // To replace what the delete has removed would be based on what is not there any more.
    const replaced = cluster.request(replica, encodeSet(cluster.write(), IF_PRESENT, 0, KIND_STRING, KEY, 'w'));
    await expect(replaced).rejects.toMatchObject({ code: 'PRECONDITION' });
    await left();
    await deletion;
    for (const server of cluster.nodes) expect(cluster.stored(server, KEY)).toBeUndefined();
  });

  test('says until then that it compares, for it holds nothing old', async () => {
    const speak = silence(replica, primary);
    const left = await leave();
    const standing = async (): Promise<string> => {
      const reply = await cluster.request(replica, encodeDigest(replica.node.ownership.epoch, SlotSet.of([SLOT])));
      return decodeDigestReply(reply, 1).standings;
    };
    expect(await standing()).toBe(SLOT_COMPARING);
    speak();
    await eventually(async () => (await standing()) === SLOT_IN_SYNC);
    await left();
  });

  test('has one that gets the slot back drop meanwhile what that holds of before', async () => {
    const third = cluster.strangerTo(KEY);
    const overwritten = `{${KEY}}overwritten`; // in the same slot; what was written over it has expired
    const version = third.node.clock.next();
    third.node.store.merge(overwritten, entryOf(overwritten, 'old', version));
    silence(replica, primary);
    const left = await leave();
    await eventually(() => third.node.ownership.roleOf(SLOT) === REPLICA && cluster.stored(third, KEY) === 'v');
    await eventually(() => cluster.stored(third, overwritten) === undefined);
    expect(replica.node.replication.ledger.isComparing(SLOT)).toBe(true);
    await left();
  });

  /** The primary leaves; resolves once the replica has taken over, with what waits until it has gone. */
  async function leave(): Promise<() => Promise<void>> {
    const left = primary.close();
    await eventually(() => replica.node.ownership.roleOf(SLOT) === PRIMARY);
    return async () => {
      await left;
      cluster.nodes = cluster.nodes.filter((each) => each !== primary);
    };
  }
});
