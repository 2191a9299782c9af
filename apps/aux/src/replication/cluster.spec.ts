import { slotOfBinary } from '@dcs/consistent-hash';
import {
  ALWAYS,
  decodeHeader,
  decodeIncrementReply,
  decodeSetReply,
  encodeDelete,
  encodeDigest,
  encodeFetch,
  encodeGet,
  encodeIncrement,
  encodePull,
  encodeRemembered,
  SlotSet,
  type WriteContext,
} from '@dcs/protocol';
import { RespClientError, RespError, type RespValue } from '@dcs/resp';
import { eventually, SeveralNodes } from '../../test/several-nodes.js';
import type { AuxServer } from '../aux-server.js';

jest.setTimeout(60_000);

describe('several nodes', () => {
  let cluster: SeveralNodes;

  beforeEach(() => {
    cluster = new SeveralNodes();
  });

  afterEach(() => cluster.close());

  const start = (id: string, prepare?: (server: AuxServer) => void, weight = 1): Promise<AuxServer> =>
    cluster.start(id, {}, { weight }, prepare);
  const crash = (server: AuxServer): Promise<void> => cluster.crash(server);
  const settled = (): Promise<void> => cluster.inSync();
  const request = (server: AuxServer, encoded: string): Promise<RespValue> => cluster.request(server, encoded);
  const primaryOf = (key: string): AuxServer => cluster.primaryOf(key);
  const ownersOf = (key: string): AuxServer[] => cluster.ownersOf(key);
  const write = (): WriteContext => cluster.write();
  const set = (key: string, value: string, to = primaryOf(key), context = write()): Promise<RespValue> =>
    cluster.set(key, value, { to, context });
  const get = (key: string, from = primaryOf(key)): Promise<string | undefined> => cluster.get(key, from);
  const stored = (server: AuxServer, key: string): string | undefined => cluster.stored(server, key);

  const startAll = (...ids: string[]): Promise<AuxServer[]> => cluster.startAll(ids);
  const increment = async (key: string, context = write(), token = '', to = primaryOf(key)): Promise<number> => {
    const reply = await request(to, encodeIncrement(context, { by: 1, initial: 0, expiresAt: 0, token }, key));
    return decodeIncrementReply(reply).value;
  };
  /** It imports nothing by itself: its slots stay unsettled. */
  const neverImports = ({ node }: AuxServer): void => {
    jest.spyOn(node.replication.importer, 'wake').mockReturnValue(undefined);
  };
  const inOneView = (): Promise<void> =>
    eventually(() =>
      cluster.nodes.every(
        ({ node }) =>
          node.ownership.up.length === cluster.nodes.length &&
          node.ownership.epoch === cluster.nodes[0]!.node.ownership.epoch,
      ),
    );
  const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`);

  test('an acknowledged write is on all owners of its slot, and nowhere else', async () => {
    await startAll('a', 'b', 'c');
    await Promise.all(KEYS.map((key) => set(key, `value of ${key}`)));
    for (const key of KEYS) {
      expect(ownersOf(key)).toHaveLength(2);
      for (const server of ownersOf(key)) expect(stored(server, key)).toBe(`value of ${key}`);
    }
    // A node that was slow for a moment had another stand in for it, whose copy goes when both owners have theirs.
    await eventually(() => cluster.nodes.reduce((sum, { node }) => sum + node.store.size, 0) === KEYS.length * 2);
    for (const server of cluster.nodes) expect(server.node.replication.pending.size).toBe(0);
  });

  test('a delete leaves its tombstone on all owners', async () => {
    await startAll('a', 'b', 'c');
    await set('k', 'v');
    const context = write();
    expect(await request(primaryOf('k'), encodeDelete(context, ALWAYS, 'k'))).toBe(1);
    const { ms, low } = context.stamp;
    for (const server of ownersOf('k')) expect(server.node.store.tombstoneOf('k')).toMatchObject({ ms, low });
  });

  test('a node that joins imports its slots, and the old owners drop what is not theirs', async () => {
    await startAll('a', 'b');
    await Promise.all(KEYS.map((key) => set(key, key)));
    await request(primaryOf('key:0'), encodeDelete(write(), ALWAYS, 'key:0'));
    await startAll('c', 'd');
    for (const key of KEYS.slice(1)) {
      expect(ownersOf(key).map((server) => stored(server, key))).toEqual([key, key]);
      expect(await get(key)).toBe(key);
    }
    expect(await get('key:0')).toBeUndefined();
    await eventually(() => cluster.nodes.every(({ node }) => node.store.size < KEYS.length * 0.75));
    const held = cluster.nodes.reduce((sum, { node }) => sum + node.store.size, 0);
    expect(held).toBe((KEYS.length - 1) * 2);
  });

  test('a key of a slot that is still being imported is fetched, never missed', async () => {
    await startAll('a', 'b');
    await Promise.all(KEYS.map((key) => set(key, key)));
    await start('c');
    await inOneView();
    expect(await Promise.all(KEYS.map((key) => get(key)))).toEqual(KEYS);
    await settled();
  });

  test('an import brings each entry once, though both old owners have it', async () => {
    await startAll('a', 'b');
    await Promise.all(KEYS.map((key) => set(key, key)));
    const [c] = await startAll('c');
    const own = KEYS.filter((key) => ownersOf(key).includes(c!)).length;
    expect(own).toBeGreaterThan(100);
    expect(c!.node.replication.importer.entriesReceived).toBe(own);
  });

  test.each([
    ['DCS.DIGEST', (epoch: number) => encodeDigest(epoch, SlotSet.of([1]))],
    ['DCS.PULL', (epoch: number) => encodePull(epoch, SlotSet.of([1]), '0', 1000)],
    ['DCS.FETCH', (epoch: number) => encodeFetch(epoch, 'k')],
    ['DCS.REMEMBERED', (epoch: number) => encodeRemembered(epoch, SlotSet.of([1]), '0', 1000)],
  ])('%s is not answered in a view older than the asker has', async (_, encode) => {
    const [a] = await startAll('a');
    const { epoch } = a!.node.ownership;
    await request(a!, encode(epoch));
    await expect(request(a!, encode(epoch + 1))).rejects.toThrow(`STALEVIEW ${epoch}`);
  });

  test('a crash costs no acknowledged write, and the copies are restored', async () => {
    const [, b] = await startAll('a', 'b', 'c');
    await Promise.all(KEYS.map((key) => set(key, key)));
    await crash(b!);
    await eventually(() => cluster.nodes.every(({ node }) => node.ownership.up.length === 2));
    await settled();
    for (const key of KEYS) {
      expect(ownersOf(key).map((server) => stored(server, key))).toEqual([key, key]);
    }
  });

  test('while an owner is dead and still in the view, another node stands in for it', async () => {
    const [, b] = await startAll('a', 'b', 'c');
    const affected = KEYS.filter((key) => ownersOf(key)[1] === b);
    expect(affected.length).toBeGreaterThan(10);
    await crash(b!);
    for (const key of affected) {
      await set(key, key);
      expect(cluster.nodes.filter((server) => stored(server, key) === key)).toHaveLength(2);
    }
  });

  test('a replica that acts for a primary which has died meanwhile does not count again what that one did', async () => {
    await startAll('a', 'b', 'c');
    const key = 'k';
    const [primary, replica] = ownersOf(key) as [AuxServer, AuxServer];
    await increment(key);
    const { peers } = replica.node.replication;
    const send = peers.send.bind(peers);
    const passed: string[] = [];
    const spy = jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      if (!encoded.includes('DCS.INCR')) return send(id, encoded, decode, timeoutMs, callback);
      passed.push(encoded);
      // Carried out, and the connection is lost before the answer.
      send(id, encoded, decode, timeoutMs, async () => {
        if (passed.length > 1) await crash(primary);
        callback(new RespClientError('ERR_RESP_CONNECTION_LOST', 'connection lost', true), undefined as never);
      });
    });
    const { stamp } = write();
    await increment(key);
    // An older stamp than the stored version: it cannot be recognised by that.
    const reply = increment(key, { ...write(), stamp }, '', replica).catch((error: RespError) => error.code);
    expect(await reply).toBe('TRYAGAIN');
    expect(passed).toHaveLength(2);
    spy.mockRestore();
    await eventually(() => peers.isRefusing(primary.node.id));
    expect(await increment(key, { ...write(), stamp, attempt: 2 }, '', replica)).toBe(3);
    expect(await get(key, replica)).toBe('3');
  });

  test('a repeated attempt is applied once, at whichever owner it arrives', async () => {
    const [a] = await startAll('a', 'b', 'c');
    const key = KEYS.find((each) => ownersOf(each)[0] === a)!;
    const replica = ownersOf(key)[1]!;
    const context = write();
    const first = decodeSetReply(await set(key, 'first', a, context));
    await set(key, 'second');
    expect(decodeSetReply(await set(key, 'first', a, { ...context, attempt: 2 }))).toEqual(first);
    await crash(a!);
    expect(decodeSetReply(await set(key, 'first', replica, { ...context, attempt: 3 }))).toEqual(first);
    expect(await get(key, replica)).toBe('second');
  });

  test('a node that joins knows what was done before: a repeated attempt counts once, another one is carried out', async () => {
    await startAll('a', 'b');
    const done = new Map(KEYS.map((key) => [key, write()]));
    const lost = new Map(KEYS.map((key) => [key, write()]));
    for (const [key, context] of done) expect(await increment(key, context)).toBe(1);
    for (const key of KEYS) expect(await increment(key)).toBe(2);
    const [c] = await startAll('c');
    const here = KEYS.filter((key) => primaryOf(key) === c);
    expect(here.length).toBeGreaterThan(10);
    for (const key of here) {
      expect(await increment(key, { ...done.get(key)!, attempt: 2 })).toBe(1);
      expect(await increment(key, { ...lost.get(key)!, attempt: 9 })).toBe(3);
      expect(await get(key)).toBe('3');
    }
  });

  test('the same before the slots are imported: the owners before are asked', async () => {
    await startAll('a', 'b');
    const done = new Map(KEYS.map((key) => [key, write()]));
    const lost = new Map(KEYS.map((key) => [key, write()]));
    for (const [key, context] of done) expect(await increment(key, context, `token of ${key}`)).toBe(1);
    for (const key of KEYS) expect(await increment(key)).toBe(2);
    const c = await start('c', neverImports);
    await inOneView();
    const here = KEYS.filter((key) => primaryOf(key) === c);
    expect(here.length).toBeGreaterThan(10);
    for (const key of here) {
      expect(c.node.replication.ledger.isInSync(slotOfBinary(key))).toBe(false);
      expect(await increment(key, { ...done.get(key)!, attempt: 2 })).toBe(1);
      expect(await increment(key, write(), `token of ${key}`)).toBe(1);
      expect(await increment(key, { ...lost.get(key)!, attempt: 9 })).toBe(3);
    }
  });

  test('while what was done before cannot be known, a repeated attempt waits, on a slot that is not new too', async () => {
    const [a, b] = await startAll('a', 'b');
    const key = KEYS.find((each) => primaryOf(each) === a)!;
    await increment(key);
    neverImports(a!);
    a!.node.replication.compareWith('b', SlotSet.of([slotOfBinary(key)]));
    const { peers } = a!.node.replication;
    const send = peers.send.bind(peers);
    const silent = jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
      if (!encoded.includes('DCS.FETCH')) return send(id, encoded, decode, timeoutMs, callback);
      callback(new RespClientError('ERR_RESP_TIMEOUT', 'no reply in time', true), undefined as never);
    });
    await expect(increment(key, { ...write(), attempt: 2 })).rejects.toMatchObject({ code: 'LOADING' });
    expect(stored(b!, key)).toBe('1');
    silent.mockRestore();
    await eventually(() => !peers.isSuspect('b'));
    expect(await increment(key, { ...write(), attempt: 2 })).toBe(2);
  });

  test('an Idempotency-Key increments once over join, leave, crash and a change of weight', async () => {
    await startAll('a', 'b');
    const again = async (expected: number): Promise<void> => {
      for (const key of KEYS) expect(await increment(key, write(), 'token')).toBe(expected);
    };
    await again(1);
    for (const key of KEYS) expect(await increment(key)).toBe(2);
    await startAll('c');
    await again(1);
    const left = cluster.nodes.find(({ node }) => node.id === 'a')!;
    await left.close();
    cluster.nodes = cluster.nodes.filter((each) => each !== left);
    await inOneView();
    await settled();
    await again(1);
    await startAll('d');
    await crash(cluster.nodes.find(({ node }) => node.id === 'b')!);
    await inOneView();
    await settled();
    await again(1);
    await cluster.nodes.find(({ node }) => node.id === 'c')!.close();
    cluster.nodes = cluster.nodes.filter(({ node }) => node.id !== 'c');
    await start('c', undefined, 8);
    await inOneView();
    await settled();
    await again(1);
    for (const key of KEYS) expect(await get(key)).toBe('2');
  });

  test('an owner that missed copies learns of the operations, not only of the entries', async () => {
    await startAll('a', 'b', 'c');
    const key = 'k';
    const [primary, replica] = ownersOf(key) as [AuxServer, AuxServer];
    const take = jest.spyOn(replica.node.replication, 'take').mockReturnValue('taken');
    const context = write();
    expect(await increment(key, context, 'token')).toBe(1);
    expect(await increment(key)).toBe(2);
    take.mockRestore();
    const { antiEntropy } = primary.node.replication;
    antiEntropy.missed(replica.node.id, slotOfBinary(key));
    antiEntropy.healed(replica.node.id);
    await eventually(() => stored(replica, key) === '2');
    await settled();
    await crash(primary);
    expect(await increment(key, { ...context, attempt: 2 }, '', replica)).toBe(1);
    expect(await increment(key, write(), 'token', replica)).toBe(1);
  });

  test('what a node did while it was expelled, and could not copy, it does not remember as done', async () => {
    await startAll('a', 'b', 'c');
    const key = 'k';
    const [primary] = ownersOf(key) as [AuxServer];
    const { replication, writer, ownership } = primary.node;
    const slot = slotOfBinary(key);
    const { stamp } = write();
    writer.dedup.record(key, slot, stamp, { stamp, value: 7, token: 'token' });
    replication.readmitted();
    replication.applyView({ ...ownership.view });
    await settled();
    expect(await increment(key, { ...write(), stamp, attempt: 2 }, 'token')).toBe(1);
  });

  test('a node of before, that cannot say what it remembers, is imported from all the same', async () => {
    await startAll('a', 'b');
    await Promise.all(KEYS.map((key) => set(key, key)));
    const c = await start('c', ({ node }) => {
      const { peers } = node.replication;
      const send = peers.send.bind(peers);
      jest.spyOn(peers, 'send').mockImplementation((id, encoded, decode, timeoutMs, callback) => {
        if (!encoded.includes('DCS.REMEMBERED')) return send(id, encoded, decode, timeoutMs, callback);
        callback(new RespError("ERR unknown command 'DCS.REMEMBERED'"), undefined as never);
      });
    });
    await inOneView();
    await settled();
    for (const key of KEYS.filter((each) => ownersOf(each).includes(c))) expect(stored(c, key)).toBe(key);
  });

  test('a node that leaves hands over everything first', async () => {
    const [, b] = await startAll('a', 'b', 'c');
    await Promise.all(KEYS.map((key) => set(key, key)));
    await b!.close();
    cluster.nodes = cluster.nodes.filter((each) => each !== b);
    for (const key of KEYS) {
      expect(cluster.nodes.map((server) => stored(server, key))).toEqual([key, key]);
    }
  });

  test('owners that differ are made equal', async () => {
    await startAll('a', 'b', 'c');
    await set('k', 'old');
    const [primary, replica] = ownersOf('k') as [AuxServer, AuxServer];
    const header = decodeHeader(((await request(primary, encodeGet(1, 'k'))) as string[])[0]!);
    replica.node.store.dropWhere((key) => key === 'k');
    expect(stored(replica, 'k')).toBeUndefined();
    primary.node.replication.antiEntropy.missed(replica.node.id, slotOfBinary('k'));
    primary.node.replication.antiEntropy.healed(replica.node.id);
    await eventually(() => stored(replica, 'k') === 'old');
    expect(replica.node.store.lookup('k')).toMatchObject({ ms: header.version.ms, low: header.version.low });
  });
});
