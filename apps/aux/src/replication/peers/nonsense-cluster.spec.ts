import type { Member } from '@dcs/cluster-membership';
import { SeveralNodes, eventually } from '../../../test/several-nodes.js';
import { RespTransport } from './resp-transport.js';

const KEYS = Array.from({ length: 60 }, (_, i) => `key${i}`);
const NONSENSE: readonly unknown[] = [1, 'nonsense', null, [], ['0', null, 7], '{}', [[]], Number.MAX_SAFE_INTEGER];

/** Commands whose answers from node `b` are nonsense at present; counted. */
let lies: ((command: string) => boolean) | undefined;
const told = new Map<string, number>();

let cluster: SeveralNodes;
beforeAll(() => {
  const open = RespTransport.prototype.open;
  let next = 0;
  jest.spyOn(RespTransport.prototype, 'open').mockImplementation(function (this: RespTransport, member: Member) {
    const link = open.call(this, member);
    return {
      ...link,
      send: (encoded, timeoutMs, callback) =>
        link.send(encoded, timeoutMs, (error, reply) => {
          const command = /(?:DCS\.\w+|PING)/.exec(encoded)?.[0] ?? '';
          if (error !== null || member.id !== 'b' || lies?.(command) !== true) return callback(error, reply);
          told.set(command, (told.get(command) ?? 0) + 1);
          callback(null, NONSENSE[next++ % NONSENSE.length]);
        }),
    };
  });
  cluster = new SeveralNodes();
});
afterAll(async () => {
  lies = undefined;
  await cluster.close();
  jest.restoreAllMocks();
});

test('a node that answers nonsense to whatever others ask ends nobody and changes nothing; then all goes on', async () => {
  await cluster.startAll(['a', 'b']);
  for (const key of KEYS) await cluster.set(key, 'before');
  lies = (command) => command !== 'PING'; // it seems to live
  const c = await cluster.start('c'); // imports from both
  const writes = KEYS.map((key) => cluster.set(key, 'meanwhile').catch(() => undefined));
  await eventually(() => ['DCS.DIGEST', 'DCS.MERGE', 'DCS.SYNC'].every((command) => told.has(command)));
  await Promise.all(writes);
  for (const { node, defects } of cluster.nodes) {
    expect([node.id, defects.total, node.store.refused]).toEqual([node.id, 0, { key: 0, kind: 0, value: 0, expiry: 0, version: 0, ahead: 0 }]); // prettier-ignore
  }
  expect(c.node.replication.peers.unreadable).toBeGreaterThan(0);
  lies = undefined;
  await cluster.inSync();
  for (const key of KEYS) expect(String(await cluster.set(key, 'after'))).toMatch(/^[01] /);
  for (const key of KEYS) expect(await cluster.get(key)).toBe('after');
  await eventually(() =>
    KEYS.every((key) => cluster.ownersOf(key).every((node) => cluster.stored(node, key) === 'after')),
  );
});
