import { RespClientError } from '@dcs/resp';
import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';

jest.setTimeout(30_000);

describe('a copy that an owner does not confirm, to a primary whose own event loop is late', () => {
  const KEY = 'key';
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c'], { antiEntropyIntervalMs: 600_000 });
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    jest.spyOn(primary.node.watch, 'isLagging', 'get').mockReturnValue(true);
  });

  afterEach(() => cluster.close());

  /** The first `count` copies for the replica are lost on their way. */
  function loseCopies(count: number): void {
    const { peers } = primary.node.replication;
    const send = peers.send.bind(peers);
    let left = count;
    jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      if (id !== replica.node.id || !encoded.includes('DCS.MERGE') || left-- <= 0) {
        return send(id, encoded, decode, timeoutMs, callback);
      }
      callback(new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true), undefined as never);
    });
  }

  test('is sent once more before another node stands in', async () => {
    loseCopies(1);
    await cluster.set(KEY, 'value');
    expect(cluster.stored(replica, KEY)).toBe('value');
    expect(primary.node.replication.replicator.fallbacks).toBe(0);
  });

  test('is taken by another node, and the owner, which nobody suspects, hears of it', async () => {
    loseCopies(2);
    await cluster.set(KEY, 'value');
    expect(primary.node.replication.replicator.fallbacks).toBe(1);
    expect(primary.node.replication.peers.isSuspect(replica.node.id)).toBe(false);
    for (const { node } of cluster.nodes) jest.spyOn(node.replication.hints, 'flush').mockReturnValue(undefined);
    await eventually(() => cluster.stored(replica, KEY) === 'value');
  });
});
