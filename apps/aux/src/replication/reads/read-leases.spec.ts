import { RespClientError } from '@dcs/resp';
import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';
import { GRANT_MS } from './read-grants.js';

jest.setTimeout(30_000);

describe('reads at a replica', () => {
  const KEY = 'key';
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c']);
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    await cluster.set(KEY, 'before');
  });

  afterEach(() => cluster.close());

  /** What `from` sends to `to` is not answered, until the spy is restored. */
  function cutOff(from: AuxServer, to: AuxServer): jest.SpyInstance {
    const { peers } = from.node.replication;
    const send = peers.send.bind(peers);
    jest.spyOn(peers, 'isSuspect').mockImplementation((id) => id === to.node.id);
    return jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      if (id !== to.node.id) return send(id, encoded, decode, timeoutMs, callback);
      setTimeout(
        () => callback(new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true), undefined as never),
        10,
      );
    });
  }

  const leaseUntil = (): number => replica.node.replication.readLeases.validUntil(primary.node.id);
  const readAtReplica = (): Promise<string | undefined> => cluster.get(KEY, replica);

  test('are answered, and the lease is kept up while they come', async () => {
    expect(leaseUntil()).toBe(-Infinity);
    expect(await readAtReplica()).toBe('before');
    const first = leaseUntil();
    await eventually(() => leaseUntil() > first);
  });

  test('are not answered once the primary has acknowledged a write that the replica lacks', async () => {
    expect(await readAtReplica()).toBe('before');
    cutOff(primary, replica);
    await cluster.set(KEY, 'after');
    await expect(readAtReplica()).rejects.toMatchObject({ code: 'TRYAGAIN' });
    jest.restoreAllMocks();
    await eventually(async () => (await readAtReplica().catch(() => undefined)) === 'after');
  });

  test('a write that the replica lacks is not acknowledged before its lease is over', async () => {
    expect(await readAtReplica()).toBe('before');
    const until = leaseUntil();
    cutOff(primary, replica);
    await cluster.set(KEY, 'after');
    expect(performance.now()).toBeGreaterThanOrEqual(until);
  });

  test('a write waits for no lease where none was asked for', async () => {
    cutOff(primary, replica);
    jest.spyOn(primary.node.replication.readGrants, 'outstandingMs');
    await cluster.set(KEY, 'after');
    const waits = jest.mocked(primary.node.replication.readGrants.outstandingMs).mock.results;
    expect(waits.map(({ value }) => value as number)).toEqual([0]);
  });

  test('are answered while the primary says nothing', async () => {
    expect(await readAtReplica()).toBe('before');
    cutOff(replica, primary);
    await new Promise((resolve) => setTimeout(resolve, GRANT_MS));
    expect(await readAtReplica()).toBe('before');
  });

  test('are answered when the primary is dead, before the others know', async () => {
    await cluster.crash(primary);
    expect(await readAtReplica()).toBe('before');
  });

  test('are answered in place of a primary that knows no leases', async () => {
    jest.spyOn(primary.dispatcher, 'execute').mockReturnValue("-ERR unknown command 'DCS.LEASE'\r\n");
    expect(await readAtReplica()).toBe('before');
  });
});
