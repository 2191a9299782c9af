import { type Answer, FakeRedis, bulk, list } from '../test/fake-redis.js';
import { parseClusterNodes, parseSentinelMaster } from './redis-primary.js';
import { RedisRegistry } from './redis-registry.js';
import { until } from './registry.conformance.js';

const TIMEOUT_MS = 200;
const PRIMARY = 'role:master\r\nmin_slaves_good_slaves:1\r\nloading:0\r\n';
const HANGS: Answer = () => undefined;

/** Answers reads of the registry with an empty view of this epoch. */
const serves =
  (epoch: number, info = PRIMARY): Answer =>
  ([name = '']) => {
    if (name.toLowerCase() === 'info') return bulk(info);
    if (name.toLowerCase() === 'evalsha') {
      const values = ['ok', '1', `${epoch}`, '0', '1', ''].map(bulk).join('');
      return `*9\r\n${values}*0\r\n${bulk('0')}${bulk('')}`;
    }
    if (name.toLowerCase() === 'subscribe') return `*3\r\n${bulk('subscribe')}${bulk('c')}:1\r\n`;
    return '+PONG\r\n';
  };

const names =
  (port: number, configEpoch: number): Answer =>
  ([name = '']) => {
    if (name.toLowerCase() === 'info') return bulk('loading:0\r\n');
    return list('name', 'main', 'ip', '127.0.0.1', 'port', `${port}`, 'config-epoch', `${configEpoch}`);
  };

describe('the way to the primary', () => {
  const fakes: FakeRedis[] = [];
  const registries: RedisRegistry[] = [];
  const logged: string[] = [];
  const fake = async (answer: Answer): Promise<FakeRedis> => {
    const started = await FakeRedis.start(answer);
    fakes.push(started);
    return started;
  };
  const open = (url: string): RedisRegistry => {
    const registry = new RedisRegistry({ url, timeoutMs: TIMEOUT_MS, log: (message) => logged.push(message) });
    registries.push(registry);
    return registry;
  };
  const sentinels = (...those: readonly FakeRedis[]): string =>
    `redis+sentinel://${those.map(({ port }) => `127.0.0.1:${port}`).join(',')}/main`;
  /** The epoch that a read gives as soon as one succeeds. */
  const epochOf = async (registry: RedisRegistry): Promise<number> => {
    for (let attempt = 0; attempt < 50; attempt++) {
      const view = await registry.read('c').catch(() => undefined);
      if (view) return view.epoch;
    }
    throw new Error('no read succeeded');
  };

  afterEach(async () => {
    await Promise.all(registries.splice(0).map((registry) => registry.close()));
    await Promise.all(fakes.splice(0).map((each) => each.close()));
    logged.length = 0;
  });

  test('a connection that accepts and says nothing is given up, and asked again where the primary is', async () => {
    const [old, next] = [await fake(HANGS), await fake(serves(7))];
    const sentinel = await fake(names(old.port, 1));
    const registry = open(sentinels(sentinel));
    await expect(registry.read('c')).rejects.toMatchObject({ code: 'ERR_REGISTRY_TIMEOUT' });
    sentinel.answer = names(next.port, 2);
    expect(await epochOf(registry)).toBe(7);
  });

  test('a server that hangs in the middle of a call is left, and so is one that has become a replica', async () => {
    const server = await fake(serves(1));
    const registry = open(`redis://127.0.0.1:${server.port}`);
    expect(await epochOf(registry)).toBe(1);
    server.answer = HANGS;
    await expect(registry.read('c')).rejects.toMatchObject({ code: 'ERR_REGISTRY_TIMEOUT' });
    server.answer = serves(2);
    expect(await epochOf(registry)).toBe(2);
    const connections = (): number => server.commands.filter(([name]) => name === 'info').length;
    const before = connections();
    server.answer = ([name = '']) =>
      name === 'evalsha' ? '-READONLY You can not write against a read only replica.\r\n' : serves(3)([name]);
    await expect(registry.read('c')).rejects.toMatchObject({
      code: 'ERR_REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('READONLY'),
    });
    server.answer = serves(3);
    expect(await epochOf(registry)).toBe(3);
    expect(connections()).toBeGreaterThan(before);
  });

  test('a replica is not written to', async () => {
    const server = await fake(serves(1, 'role:slave\r\n'));
    const registry = open(`redis://127.0.0.1:${server.port}`);
    await expect(registry.read('c')).rejects.toMatchObject({
      code: 'ERR_REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('is a replica'),
    });
  });

  test('of the Sentinels the highest config epoch counts, and hung ones hold nobody up', async () => {
    const [old, next] = [await fake(serves(1)), await fake(serves(2))];
    const stale = await fake(names(old.port, 1));
    const [a, b, hung] = [await fake(names(next.port, 5)), await fake(names(next.port, 5)), await fake(HANGS)];
    expect(await epochOf(open(sentinels(stale, a, b, hung)))).toBe(2);
    expect(await epochOf(open(sentinels(hung, a)))).toBe(2);
    expect(old.commands.some(([name]) => name === 'evalsha')).toBe(false);
  });

  test('a minority that names a primary of the past is not believed, a majority is', async () => {
    const [old, next] = [await fake(serves(1)), await fake(serves(2))];
    const three = [await fake(names(next.port, 5)), await fake(names(next.port, 5)), await fake(names(next.port, 5))];
    const [a, b, c] = three as [FakeRedis, FakeRedis, FakeRedis];
    const registry = open(sentinels(a, b, c));
    expect(await epochOf(registry)).toBe(2);
    await next.close();
    fakes.splice(fakes.indexOf(next), 1);
    a.answer = names(old.port, 4);
    b.answer = c.answer = HANGS;
    for (let i = 0; i < 5; i++)
      await expect(registry.read('c')).rejects.toMatchObject({ code: expect.stringMatching(/UNAVAILABLE|TIMEOUT/) });
    expect(old.commands.some(([name]) => name === 'evalsha')).toBe(false);
    b.answer = names(old.port, 4); // set up anew: they count from the start
    expect(await epochOf(registry)).toBe(1);
  });

  test('a primary of the past that still answers is left when the Sentinels name another one', async () => {
    const [old, next] = [await fake(serves(1)), await fake(serves(2))];
    const sentinel = await fake(names(old.port, 1));
    const registry = open(sentinels(sentinel));
    expect(await epochOf(registry)).toBe(1);
    sentinel.answer = names(next.port, 2);
    await new Promise((done) => setTimeout(done, TIMEOUT_MS));
    expect(await epochOf(registry)).toBe(2);
  });

  test('goes on with a primary that answers while no Sentinel does', async () => {
    const server = await fake(serves(1));
    const sentinel = await fake(names(server.port, 1));
    const registry = open(sentinels(sentinel));
    expect(await epochOf(registry)).toBe(1);
    sentinel.answer = HANGS;
    await new Promise((done) => setTimeout(done, TIMEOUT_MS));
    expect(await registry.read('c')).toMatchObject({ epoch: 1 });
  });

  test('warns once where a failover would drop writes of a primary that was cut off', async () => {
    const server = await fake(serves(1, 'role:master\r\nloading:0\r\n'));
    const warnings = (): number => logged.filter((message) => message.startsWith('min-replicas-to-write is 0')).length;
    await epochOf(open(`redis://127.0.0.1:${server.port}`));
    expect(warnings()).toBe(0);
    const registry = open(sentinels(await fake(names(server.port, 1))));
    await epochOf(registry);
    await epochOf(registry);
    expect(warnings()).toBe(1);
  });

  test('a subscription whose connection hangs is made again, and hints at what it may have missed', async () => {
    const server = await fake(serves(1));
    const registry = open(`redis://127.0.0.1:${server.port}`);
    let hints = 0;
    const stop = await registry.subscribe('c', () => hints++);
    server.answer = HANGS;
    await new Promise((done) => setTimeout(done, 4 * TIMEOUT_MS));
    expect(hints).toBe(0);
    server.answer = serves(1);
    await until(() => hints > 0);
    await stop();
  });
});

test('what a Sentinel says of the primary', () => {
  const reply = ['name', 'main', 'ip', '10.0.0.1', 'port', '6380', 'runid', '', 'flags', 'master', 'config-epoch', '3'];
  expect(parseSentinelMaster(reply)).toEqual({ host: '10.0.0.1', port: 6380, configEpoch: 3 });
  for (const bad of [undefined, [], ['ip', '', 'port', '1', 'config-epoch', '1'], ['ip', 'h', 'port', 'x']]) {
    expect(() => parseSentinelMaster(bad)).toThrow('does not name');
  }
});

test('what a node of a Redis Cluster says of the others', () => {
  const reply = [
    'a1 10.0.0.1:6379@16379,name slave b2 0 1 4 connected',
    'b2 :6379@16379 myself,master - 0 0 4 connected 0-5460 [5461->-c3]',
    'c3 ::1:6380@16380 master,fail - 0 0 7 disconnected 5461-10922 16383',
    'd4 :0@0 master,noaddr - 0 0 1 disconnected 10923-16382',
    '',
  ].join('\n');
  const nodes = parseClusterNodes(reply, { host: '10.0.0.9', port: 1 });
  expect(
    nodes.map(({ host, port, configEpoch, isPrimary, slots }) => [host, port, configEpoch, isPrimary, slots]),
  ).toEqual([
    ['10.0.0.1', 6379, 4, false, []],
    ['10.0.0.9', 6379, 4, true, [[0, 5460]]],
    [
      '::1',
      6380,
      7,
      true,
      [
        [5461, 10922],
        [16383, 16383],
      ],
    ],
    ['10.0.0.9', 0, 1, false, [[10923, 16382]]],
  ]);
});
