import { ALWAYS, decodeSetReply, encodeDelete, encodeIncrement, encodeSet, KIND_STRING } from '@dcs/protocol';
import { eventually, SeveralNodes } from '../../test/several-nodes.js';
import { disconnect, silence } from '../../test/silence.js';
import type { AuxServer } from '../aux-server.js';

jest.setTimeout(60_000);

describe('a replica that a gateway sends a write to', () => {
  const KEY = 'k';
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;

  beforeEach(() => {
    cluster = new SeveralNodes();
  });

  afterEach(() => cluster.close());

  async function start(ids: readonly string[] = ['a', 'b', 'c'], config: Record<string, unknown> = {}): Promise<void> {
    await cluster.startAll(ids, config);
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
  }

  const setsOf = (server: AuxServer): number => {
    let sets = 0;
    server.dispatcher.eachCounter((name, { ok }) => (sets += name === 'DCS.SET' ? ok : 0));
    return sets;
  };

  test('passes it on to a primary that answers', async () => {
    await start();
    await cluster.set(KEY, 'v', { to: replica });
    expect(cluster.stored(primary, KEY)).toBe('v');
    expect(setsOf(primary)).toBe(1);
  });

  test('does so too when the connection was lost, as soon as it is there again', async () => {
    await start();
    const connect = disconnect(replica, primary);
    const set = cluster.set(KEY, 'v', { to: replica });
    setTimeout(connect, 200);
    await set;
    expect(setsOf(primary)).toBe(1);
  });

  test('does it itself when there is no connection for long', async () => {
    await start();
    disconnect(replica, primary);
    await cluster.set(KEY, 'v', { to: replica });
    expect(setsOf(primary)).toBe(0);
    expect(cluster.stored(replica, KEY)).toBe('v');
  });

  test('does it itself when the primary is dead', async () => {
    await start();
    await cluster.crash(primary);
    expect(decodeSetReply(await cluster.set(KEY, 'v', { to: replica })).created).toBe(true);
    expect(await cluster.get(KEY, replica)).toBe('v');
    expect(cluster.nodes.filter((server) => cluster.stored(server, KEY) === 'v')).toHaveLength(2);
  });

  test('does nothing while the primary is not silent, but cannot do it yet', async () => {
    await start();
    await cluster.set(KEY, 'v', { to: primary });
    primary.node.replication.pending.begin(KEY); // a copy that is under way for long
    const deletion = encodeDelete(cluster.write(), ALWAYS, KEY);
    await expect(cluster.request(replica, deletion)).rejects.toMatchObject({ code: 'LOADING' });
    expect(cluster.stored(replica, KEY)).toBe('v');
  });

  test('does nothing either when the primary has done it, and copies it for long', async () => {
    await start();
    for (const other of cluster.nodes) if (other !== primary) silence(primary, other, 'DCS.MERGE');
    await expect(cluster.set(KEY, 'v', { to: replica })).rejects.toMatchObject({ code: 'TRYAGAIN' });
    expect(cluster.stored(primary, KEY)).toBe('v');
    expect(setsOf(replica)).toBe(0);
    expect(replica.node.replication.peers.isSuspect(primary.node.id)).toBe(false);
  });

  test('sets and deletes while the primary is silent, and counts nothing', async () => {
    await start();
    silence(replica, primary);
    await cluster.set(KEY, 'v', { to: replica });
    expect(cluster.stored(replica, KEY)).toBe('v');
    const increment = encodeIncrement(cluster.write(), { by: 1, initial: 0, expiresAt: 0, token: '' }, KEY);
    await expect(cluster.request(replica, increment)).rejects.toMatchObject({ code: 'TRYAGAIN' });
    expect(await cluster.request(replica, encodeDelete(cluster.write(), ALWAYS, KEY))).toBe(1);
  });

  test.each([
    ['is dead', 'MOVED'],
    ['may have done it', 'TRYAGAIN'],
  ])('does nothing for a primary that %s, when it is another one by now: %s', async (state, code) => {
    await start(['a', 'b', 'c', 'd'], { replicas: 3 });
    const third = cluster.ownersOf(KEY)[2]!;
    const set = encodeSet(cluster.write(), ALWAYS, 0, KIND_STRING, KEY, 'v');
    if (state !== 'is dead') silence(third, primary);
    await cluster.crash(primary);
    const { preparation } = third.node.replication;
    const prepare = preparation.prepare.bind(preparation);
    let isPreparing = false;
    jest.spyOn(preparation, 'prepare').mockImplementationOnce((...args) => {
      isPreparing = true;
      void eventually(() => third.node.ownership.up.length === 3).then(() => prepare(...args));
    });
    await expect(cluster.request(third, set)).rejects.toMatchObject({ code });
    expect(isPreparing).toBe(true);
    expect(cluster.stored(third, KEY)).toBeUndefined();
  });
});
