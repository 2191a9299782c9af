import { eventually, SeveralNodes } from '../../../test/several-nodes.js';
import type { AuxServer } from '../../aux-server.js';
import type { Entry } from '../../node/entry.js';

jest.setTimeout(30_000);

describe('owners of a slot that differ', () => {
  const KEY = 'key';
  let cluster: SeveralNodes;
  let primary: AuxServer;
  let replica: AuxServer;
  let entry: Entry;
  /** What the primary asked of whom, in order. */
  let asked: string[];
  let afterLook: () => void;

  beforeEach(async () => {
    cluster = new SeveralNodes();
    await cluster.startAll(['a', 'b', 'c', 'd'], { antiEntropyIntervalMs: 1000 });
    await cluster.set(KEY, 'value');
    [primary, replica] = cluster.ownersOf(KEY) as [AuxServer, AuxServer];
    entry = replica.node.store.lookup(KEY)!;
    asked = [];
    afterLook = () => undefined;
    const { peers } = primary.node.replication;
    const send = peers.send.bind(peers);
    jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      const command = /DCS\.(DIGEST|SYNC)/.exec(encoded)?.[1];
      if (command !== undefined) asked.push(`${command} ${id}`);
      send(id, encoded, decode, timeoutMs, (error, reply) => {
        callback(error, reply);
        if (command === 'DIGEST' && id === replica.node.id) afterLook();
      });
    });
    replica.node.store.drop(KEY);
  });

  afterEach(() => cluster.close());

  test('are made equal when a second look, before the turn of the next peer, finds it still so', async () => {
    await eventually(() => cluster.stored(replica, KEY) === 'value');
    const { id } = replica.node;
    const until = asked.indexOf(`SYNC ${id}`);
    const look = `DIGEST ${id}`;
    const beginOfImport = look;
    expect(asked.slice(until - 3, until)).toEqual([look, look, beginOfImport]);
  });

  test('are left alone when the second look finds them equal', async () => {
    let looks = 0;
    afterLook = () => {
      if (looks++ === 0) replica.node.store.merge(KEY, entry);
    };
    await eventually(() => looks >= 3);
    expect(primary.node.replication.antiEntropy.differences).toBe(0);
    expect(asked.some((each) => each.startsWith('SYNC'))).toBe(false);
  });
});
