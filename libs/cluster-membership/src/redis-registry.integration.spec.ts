import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ClusterMembership } from './cluster-membership.js';
import type { View } from './member.js';
import { RedisRegistry } from './redis-registry.js';
import { describeRegistry, member, until } from './registry.conformance.js';
import { RedisServer, freePort, redisBinary, withoutRedis } from '../test/redis-server.js';

if (redisBinary === undefined) withoutRedis();
else real(redisBinary);

function real(path: string): void {
  jest.setTimeout(30_000);
  let server: RedisServer;
  let admin: Redis;
  const servers: RedisServer[] = [];

  beforeAll(async () => {
    server = await RedisServer.start(path);
    admin = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    admin.disconnect();
    await Promise.all([server, ...servers].map((each) => each.stop()));
  });

  describeRegistry('RedisRegistry on redis-server', async () => {
    await admin.flushall();
    return {
      unitMs: 150,
      open: (damping) => new RedisRegistry({ url: server.url(), damping }),
      advance: (units) => new Promise((done) => setTimeout(done, units * 150)),
      wipe: async () => void (await admin.flushall()),
      close: async () => undefined,
    };
  });

  test('an ACL user limited to the keys, channel and commands of one cluster suffices', async () => {
    await admin.call('ACL', 'SETUSER', 'dcs', 'reset', ...rulesFor('prod').split(' '));
    const registry = new RedisRegistry({ url: server.url('dcs:secret@') });
    let hints = 0;
    const stop = await registry.subscribe('prod', () => hints++);
    const beat = (who: ReturnType<typeof member>, leaseMs = 100, last?: View): Promise<unknown> =>
      registry.heartbeat('prod', { member: who, leaseMs, ...(last && { last }) });
    await beat(member('a'));
    await beat(member('b'), 10_000);
    await beat(member('c'), 10_000);
    await beat(member('b', { incarnation: 2 }), 10_000); // a crash to count
    await new Promise((done) => setTimeout(done, 200));
    const last = { epoch: 2 ** 48, members: [member('c'), member('d')] };
    await beat(member('c'), 10_000, last); // an overdue member, a new history, a member to take over
    expect((await registry.read('prod')).epoch).toBeGreaterThan(last.epoch);
    await registry.remove('prod', 'c', 1);
    await until(() => hints > 0);
    await stop();
    await expect(registry.read('test')).rejects.toMatchObject({
      code: 'ERR_REGISTRY_UNAVAILABLE',
      message: expect.stringContaining('NOPERM'),
    });
    await registry.close();
  });

  test('a wrong password, a foreign key type and an address where nobody listens are told apart', async () => {
    const wrong = new RedisRegistry({ url: server.url('dcs:wrong@'), timeoutMs: 500 });
    await expect(wrong.read('prod')).rejects.toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
    await wrong.close();

    await admin.set('dcs:{damaged}:leases', 'x');
    const damaged = new RedisRegistry({ url: server.url() });
    const call = damaged.heartbeat('damaged', { member: member('a'), leaseMs: 1000 });
    await expect(call).rejects.toMatchObject({ code: 'ERR_REGISTRY_CORRUPT' });
    await damaged.close();

    const nobody = new RedisRegistry({ url: `redis://127.0.0.1:${await freePort()}`, timeoutMs: 500 });
    await expect(nobody.read('prod')).rejects.toMatchObject({ code: 'ERR_REGISTRY_UNAVAILABLE' });
    await nobody.close();
  });

  test('a cluster keeps its view while Redis is paused, restarted empty and wiped, and is back within 2 s', async () => {
    const own = await RedisServer.start(path);
    servers.push(own);
    const registries: RedisRegistry[] = [];
    const nodes = ['a', 'b', 'c', undefined].map((id) => {
      const registry = new RedisRegistry({ url: own.url(), timeoutMs: 300 });
      registries.push(registry);
      const self = id === undefined ? undefined : { id, host: 'h', dataPort: 1, httpPort: 2 };
      return new ClusterMembership({ cluster: 'c', registry, ...(self && { self }), heartbeatMs: 200, leaseMs: 600 });
    });
    const [a, b, c, observer] = nodes as [ClusterMembership, ClusterMembership, ClusterMembership, ClusterMembership];
    await Promise.all([a.join(), b.join(), c.join()]);
    await observer.start();
    await until(() => nodes.every(({ view }) => view.members.length === 3));
    const shrunk: number[] = [];
    const epochs = nodes.map(({ view }) => view.epoch);
    nodes.forEach((node, i) =>
      node.on('view', (view) => {
        if (view.members.length < 3) shrunk.push(view.members.length);
        if (view.epoch <= epochs[i]!) shrunk.push(-view.epoch);
        epochs[i] = view.epoch;
      }),
    );

    own.signal('SIGSTOP');
    await until(() => nodes.every((node) => !node.registryReachable));
    await new Promise((done) => setTimeout(done, 1500));
    own.signal('SIGCONT');
    await until(() => nodes.every((node) => node.registryReachable));

    const before = Math.max(...epochs);
    const wiper = new Redis(own.port, '127.0.0.1');
    await wiper.flushall();
    wiper.disconnect();
    await until(() => nodes.every(({ view }) => view.epoch > before));

    const later = Math.max(...epochs);
    await own.restart();
    await until(() => nodes.every(({ view }) => view.epoch > later));
    expect(shrunk).toEqual([]);

    await c.leave();
    await until(() => observer.view.members.length === 2);
    await Promise.all(nodes.map((node) => node.close()));
    await Promise.all(registries.map((registry) => registry.close()));
  });

  test('reaches the master through Sentinels, and a Redis Cluster by an ACL user', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sentinel-'));
    const config = join(directory, 'sentinel.conf');
    await writeFile(config, `sentinel monitor main 127.0.0.1 ${server.port} 1\n`);
    const sentinel = await RedisServer.start(path, (port) => [config, '--sentinel', '--port', `${port}`]);
    servers.push(sentinel);
    await beatsAndHints(`redis+sentinel://127.0.0.1:${sentinel.port}/main`);

    const node = await RedisServer.start(path, (port) => [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      ...['--cluster-enabled', 'yes', '--cluster-config-file', join(directory, 'nodes.conf')],
      ...['--cluster-announce-ip', '127.0.0.1'],
    ]);
    servers.push(node);
    const setup = new Redis(node.port, '127.0.0.1');
    await setup.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await setup.call('ACL', 'SETUSER', 'dcs', 'reset', ...rulesFor('sentinels').split(' '), '+cluster');
    for (let i = 0; i < 200 && !String(await setup.call('CLUSTER', 'INFO')).includes('cluster_state:ok'); i++) {
      await new Promise((done) => setTimeout(done, 20));
    }
    setup.disconnect();
    await beatsAndHints(`redis+cluster://dcs:secret@127.0.0.1:${node.port}`);
    await rm(directory, { recursive: true });
  });

  async function beatsAndHints(url: string): Promise<void> {
    const registry = new RedisRegistry({ url, timeoutMs: 3000 });
    try {
      let hints = 0;
      const stop = await registry.subscribe('sentinels', () => hints++);
      const { view } = await registry.heartbeat('sentinels', { member: member('a'), leaseMs: 1000 });
      expect(view.members).toEqual([member('a')]);
      expect(await registry.read('sentinels')).toBe(view);
      await until(() => hints > 0);
      await stop();
    } finally {
      await registry.close();
    }
  }
}

/** What the README documents. */
function rulesFor(cluster: string): string {
  const commands =
    '+eval +evalsha +time +hget +hset +hdel +hgetall +hvals +zadd +zrem +zcard +zcount +zscore +zrange +zrangebyscore ' +
    '+hkeys +publish +subscribe +unsubscribe +info +ping';
  return `on >secret resetkeys resetchannels ~dcs:{${cluster}}:* &dcs:{${cluster}}:changes -@all ${commands}`;
}
