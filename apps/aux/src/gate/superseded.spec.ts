import { decodeSetReply, type WriteContext } from '@dcs/protocol';
import type { RespError } from '@dcs/resp';
import { DiskNodes } from '../../test/disk-nodes.js';
import { eventually, SeveralNodes } from '../../test/several-nodes.js';
import { silence } from '../../test/silence.js';
import type { AuxServer } from '../aux-server.js';

jest.setTimeout(30_000);

describe('an attempt that comes late to the primary, after a replica has done it and another write overwrote that', () => {
  const KEY = 'key';
  /** Not so late that it is refused for its age. */
  const ATTEMPT = 3;
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;
  let first: WriteContext;

  const setFirst = async (to: AuxServer, attempt = ATTEMPT) =>
    decodeSetReply(await cluster.set(KEY, 'first', { to, context: { ...first, attempt } }));

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c'], { antiEntropyIntervalMs: 600_000 });
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    // Nobody gives or tells the primary what it has missed.
    for (const { node } of cluster.nodes) {
      jest.spyOn(node.replication.hints, 'flush').mockReturnValue(undefined);
      jest.spyOn(node.replication.antiEntropy, 'healed').mockReturnValue(undefined);
    }
    first = cluster.write();
  });

  afterEach(() => cluster.close());

  test('answers what the first one did, and undoes nothing', async () => {
    const speak = silence(replica, primary);
    const done = await setFirst(replica, 1);
    const second = cluster.write();
    await cluster.set(KEY, 'second', { to: replica, context: second });
    speak();
    await cluster.set(KEY, 'second', { to: primary, context: second });
    expect(await setFirst(primary)).toEqual(done);
    expect(await cluster.get(KEY)).toBe('second');
    expect(cluster.stored(replica, KEY)).toBe('second');
  });

  test('so too when the other write comes while it waits for a copy of an earlier one', async () => {
    const speak = silence(replica, primary);
    const done = await setFirst(replica, 1);
    speak();
    const listen = silence(primary, replica, 'DCS.MERGE');
    const { stamp } = first;
    const earlier = { ...first, stamp: { ms: stamp.ms - 1, low: stamp.low } };
    const before = cluster.set(KEY, 'before', { context: earlier });
    const late = setFirst(primary);
    const second = cluster.set(KEY, 'second');
    listen();
    expect(await late).toEqual(done);
    await Promise.all([before, second]);
    expect(await cluster.get(KEY)).toBe('second');
  });

  test('is not carried out while the replica does not say', async () => {
    const speak = silence(replica, primary);
    await setFirst(replica, 1);
    speak();
    await cluster.set(KEY, 'second');
    silence(primary, replica, 'DCS.FETCH');
    await expect(setFirst(primary)).rejects.toMatchObject({ code: 'LOADING' });
    expect(cluster.stored(primary, KEY)).toBe('second');
  });

  test('is carried out where the replica does not know it either', async () => {
    await cluster.set(KEY, 'second');
    const { version } = await setFirst(primary);
    expect(version.ms).toBeGreaterThanOrEqual(first.stamp.ms);
    expect(await cluster.get(KEY)).toBe('first');
  });

  test('is carried out when the replica is dead', async () => {
    await cluster.set(KEY, 'second');
    await cluster.crash(replica);
    // Its connection is lost; that nobody listens there is known a moment later.
    await eventually(() =>
      setFirst(primary).then(
        () => true,
        (error: RespError) => error.code !== 'LOADING',
      ),
    );
    expect(await cluster.get(KEY)).toBe('first');
  });
});

describe('an attempt that a node may have done before it began anew with its disk', () => {
  const KEY = 'key';
  const nodes = new DiskNodes();
  const { cluster } = nodes;

  afterAll(() => nodes.close());

  test('is refused where the key was written since, and another one is not', async () => {
    await nodes.startAll(['a', 'b', 'c']);
    const first = cluster.write();
    await cluster.set(KEY, 'second');
    const { id } = cluster.nodes.find((each) => each !== cluster.primaryOf(KEY))!.node;
    await nodes.crash(id);
    await nodes.start(id);
    await cluster.inSync();
    const again = cluster.set(KEY, 'first', { context: { ...first, attempt: 4 } });
    await expect(again).rejects.toMatchObject({ code: 'STALE' });
    expect(await cluster.get(KEY)).toBe('second');
    await cluster.set(KEY, 'third', { context: { ...cluster.write(), attempt: 2 } });
    expect(await cluster.get(KEY)).toBe('third');
  });
});
