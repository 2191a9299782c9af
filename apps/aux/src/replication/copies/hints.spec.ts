import { encodeIncrement, type WriteContext } from '@dcs/protocol';
import { RespClientError } from '@dcs/resp';
import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';
import { entryOf } from '../../node/entry.js';

jest.setTimeout(30_000);

describe('what a node took for a silent owner', () => {
  const KEY = 'key';
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;
  let fallback: AuxServer;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c']);
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    fallback = cluster.strangerTo(KEY);
    jest.spyOn(fallback.node.replication.hints, 'flush').mockReturnValue(undefined);
    await fallBackFor(() => cluster.set(KEY, 'taken'));
    expect(cluster.stored(fallback, KEY)).toBe('taken');
    expect(cluster.stored(replica, KEY)).toBeUndefined();
  });

  afterEach(() => cluster.close());

  /** The primary gets no answer from the replica meanwhile. */
  async function fallBackFor(write: () => Promise<unknown>): Promise<void> {
    const { peers } = primary.node.replication;
    const send = peers.send.bind(peers);
    const silent = jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      if (id !== replica.node.id) return send(id, encoded, decode, timeoutMs, callback);
      callback(new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true), undefined as never);
    });
    await write();
    silent.mockRestore();
  }

  const holders = (): string[] =>
    cluster.nodes.filter((node) => cluster.stored(node, KEY) !== undefined).map(({ node }) => node.id);
  const giveBack = async (): Promise<void> => {
    jest.mocked(fallback.node.replication.hints.flush).mockRestore();
    await eventually(() => {
      fallback.node.replication.hints.flush();
      return fallback.node.replication.hints.size === 0;
    });
  };

  test('is given to the owner', async () => {
    jest.spyOn(primary.node.replication.antiEntropy, 'healed').mockReturnValue(undefined); // it tells of nothing itself
    await giveBack();
    expect(cluster.stored(replica, KEY)).toBe('taken');
  });

  test('does not come back when what came after it has expired', async () => {
    await eventually(() => cluster.stored(replica, KEY) === 'taken'); // the primary has told it what it missed
    await cluster.set(KEY, 'after', { expiresAt: Date.now() + 150 });
    await eventually(() => cluster.stored(primary, KEY) === undefined && cluster.stored(replica, KEY) === undefined);
    await giveBack();
    expect(holders()).toEqual([]);
  });

  test('is given with the operations that made it: repeated at the owner, they are not done again', async () => {
    jest.spyOn(primary.node.replication.antiEntropy, 'healed').mockReturnValue(undefined);
    const increment = (context: WriteContext): string =>
      encodeIncrement(context, { by: 1, initial: 0, expiresAt: 0, token: '' }, KEY);
    await cluster.delete(KEY);
    const operations = [cluster.write(), cluster.write(), cluster.write()];
    await fallBackFor(async () => {
      for (const operation of operations) await cluster.request(primary, increment(operation));
    });
    await giveBack();
    expect(cluster.stored(replica, KEY)).toBe('3');
    await cluster.crash(primary);
    for (const [i, operation] of operations.entries()) {
      const reply = await cluster.request(replica, increment({ ...operation, attempt: 2 }));
      expect(reply).toMatch(new RegExp(`^${i + 1}\\b`));
    }
    expect(cluster.stored(replica, KEY)).toBe('3');
  });

  test.each([
    ['a counter, with the last eight', 10, 8],
    ['anything larger, with the last alone', 3, 1],
  ])('of operations it is given, as %s', async (what, count, expected) => {
    await cluster.delete(KEY);
    await fallBackFor(async () => {
      for (let i = 0; i < count; i++) await cluster.set(KEY, what.startsWith('a counter') ? `${i}` : 'v'.repeat(100));
    });
    const send = jest.spyOn(fallback.node.replication.peers, 'send');
    await giveBack();
    expect(send.mock.calls.filter(([, encoded]) => encoded.includes('DCS.MERGE'))).toHaveLength(expected);
    send.mockRestore();
  });

  test('is given by the node itself when the one that had it taken is gone', async () => {
    const { id } = primary.node;
    await cluster.crash(primary);
    await eventually(() => cluster.nodes.every(({ node }) => node.ownership.member(id) === undefined));
    await giveBack();
    await cluster.inSync();
    expect(await cluster.get(KEY)).toBe('taken');
    expect(holders()).toHaveLength(2);
  });

  test('is not what has come since, which stays', async () => {
    const { store } = fallback.node;
    const { ms, low } = store.lookup(KEY)!;
    store.merge(KEY, entryOf(KEY, 'newer', { ms: ms + 1, low }));
    primary.node.store.drop(KEY);
    await giveBack();
    expect(cluster.stored(fallback, KEY)).toBe('newer');
    expect(cluster.stored(primary, KEY)).toBeUndefined();
  });

  test('is tried no more once the node is closed, even when the last try ends after that', () => {
    const { hints, peers } = fallback.node.replication;
    jest.mocked(hints.flush).mockRestore();
    const answers: ((error: Error | null) => void)[] = [];
    const send = jest.spyOn(peers, 'send').mockImplementation((_id, _encoded, _decode, _timeoutMs, done) => {
      answers.push((error) => done(error, undefined as never));
    });
    hints.flush();
    expect(answers).toHaveLength(1);
    hints.close();
    jest.useFakeTimers();
    answers[0]!(new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true));
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
    expect(hints.size).toBe(1);
    send.mockRestore();
  });

  test('is given by the node itself when the one that had it taken has begun anew', async () => {
    jest.spyOn(primary.node.replication, 'beganAt', 'get').mockReturnValue(primary.node.ownership.epoch + 1);
    primary.node.store.drop(KEY);
    await giveBack();
    expect(holders()).toHaveLength(3);
  });
});
