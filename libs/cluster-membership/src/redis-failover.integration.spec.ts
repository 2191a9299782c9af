import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ClusterMembership } from './cluster-membership.js';
import type { View } from './member.js';
import { RedisRegistry } from './redis-registry.js';
import { member } from './registry.conformance.js';
import { RedisServer, redisBinary, standalone, withoutRedis } from '../test/redis-server.js';

const LEASE_MS = 3000;
const HEARTBEAT_MS = 300;
const TIMEOUT_MS = 500;
const REGISTRIES = 12;
const CLUSTER = 'failover';

if (redisBinary === undefined) withoutRedis();
else real(redisBinary);

function real(path: string): void {
  jest.setTimeout(120_000);
  let directory: string;
  const servers: RedisServer[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'failover-'));
  });
  afterEach(async () => {
    await Promise.all(servers.map((each) => each.stop()));
    servers.length = 0;
    await rm(directory, { recursive: true });
  });

  /** A primary, its replica, and three Sentinels. */
  async function withSentinels(): Promise<{ primary: RedisServer; url: string; hasFailedOver(): Promise<boolean> }> {
    const primary = await RedisServer.start(path);
    const replica = await RedisServer.start(path, (port) => [
      ...standalone(port),
      ...['--replicaof', '127.0.0.1', `${primary.port}`, '--repl-diskless-sync-delay', '0'],
      ...['--dir', directory, '--dbfilename', `${port}.rdb`],
    ]);
    servers.push(primary, replica);
    const sentinels: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      const config = join(directory, `sentinel-${i}.conf`);
      await writeFile(
        config,
        `sentinel monitor main 127.0.0.1 ${primary.port} 2\n` +
          'sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n',
      );
      sentinels.push(await RedisServer.start(path, (port) => [config, '--sentinel', '--port', `${port}`]));
    }
    servers.push(...sentinels);
    for (const { port } of sentinels) {
      await settled(port, async (client) => {
        const state = String(await client.call('SENTINEL', 'MASTER', 'main'));
        return state.includes('num-slaves,1') && state.includes('num-other-sentinels,2');
      });
    }
    const at = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const asked = new Redis(sentinels[0]!.port, '127.0.0.1');
    return {
      primary,
      url: `redis+sentinel://${at}/main`,
      hasFailedOver: async () => {
        const [, port] = (await asked.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')) as string[];
        if (Number(port) === primary.port) return false;
        asked.disconnect();
        return true;
      },
    };
  }

  /** Three primaries with a replica each; `primary` is the one that holds the keys. */
  async function withCluster(): Promise<{ primary: RedisServer; url: string; hasFailedOver(): Promise<boolean> }> {
    for (let i = 0; i < 6; i++) {
      servers.push(
        await RedisServer.start(path, (port) => [
          ...[...standalone(port), '--cluster-enabled', 'yes', '--cluster-config-file', join(directory, `${i}.conf`)],
          ...['--cluster-node-timeout', '1000', '--cluster-announce-ip', '127.0.0.1'],
          ...['--repl-diskless-sync-delay', '0', '--dir', directory, '--dbfilename', `${port}.rdb`],
        ]),
      );
    }
    const clients = servers.map(({ port }) => new Redis(port, '127.0.0.1'));
    const ids = await Promise.all(clients.map(async (client) => String(await client.call('CLUSTER', 'MYID'))));
    for (let i = 0; i < 3; i++) {
      const [first, last] = [Math.floor((16_384 / 3) * i), Math.floor((16_384 / 3) * (i + 1)) - 1];
      await clients[i]!.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
      await clients[i]!.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    }
    for (const { port } of servers.slice(1)) await clients[0]!.call('CLUSTER', 'MEET', '127.0.0.1', port);
    for (const { port } of servers) {
      await settled(port, async (client) => String(await client.call('CLUSTER', 'INFO')).includes('known_nodes:6'));
    }
    for (let i = 0; i < 3; i++) await clients[i + 3]!.call('CLUSTER', 'REPLICATE', ids[i]!);
    for (const { port } of servers) {
      await settled(port, async (client) => String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    }
    for (const { port } of servers.slice(3)) {
      await settled(port, async (client) => (await client.info('replication')).includes('master_link_status:up'));
    }
    const slot = Number(await clients[0]!.call('CLUSTER', 'KEYSLOT', `{${CLUSTER}}`));
    const index = Math.floor((slot * 3) / 16_384);
    for (const client of clients) client.disconnect();
    const asked = new Redis(servers[index + 3]!.port, '127.0.0.1');
    return {
      primary: servers[index]!,
      url: `redis+cluster://${servers
        .slice(0, 3)
        .map(({ port }) => `127.0.0.1:${port}`)
        .join(',')}`,
      hasFailedOver: async () => {
        if (!(await asked.info('replication')).includes('role:master')) return false;
        asked.disconnect();
        return true;
      },
    };
  }

  test.each([
    ['Sentinel', withSentinels],
    ['Redis Cluster', withCluster],
  ])('%s: every client finds the new primary within two leases when the old one hangs', async (_, start) => {
    const { primary, url, hasFailedOver } = await start();
    const registries = Array.from({ length: REGISTRIES }, () => new RedisRegistry({ url, timeoutMs: TIMEOUT_MS }));
    const answeredAt = registries.map(() => 0);
    const hintedAt = registries.map(() => 0);
    let isOver = false;
    const loops = registries.map(async (registry, i) => {
      const self = member(`m${i}`);
      await registry.subscribe(CLUSTER, () => (hintedAt[i] = performance.now()));
      while (!isOver) {
        const began = performance.now();
        try {
          await registry.heartbeat(CLUSTER, { member: self, leaseMs: LEASE_MS });
          answeredAt[i] = performance.now();
        } catch {
          expect(performance.now() - began).toBeLessThan(TIMEOUT_MS + LEASE_MS);
        }
        await sleep(HEARTBEAT_MS);
      }
    });
    const answeredSince = (ms: number): number => answeredAt.filter((at) => at > ms).length;
    await eventually(() => answeredSince(0) === REGISTRIES, LEASE_MS);

    primary.signal('SIGSTOP');
    await eventually(hasFailedOver, 30_000);
    const failedOverAt = performance.now();
    await eventually(() => answeredSince(failedOverAt) === REGISTRIES, 2 * LEASE_MS);

    primary.signal('SIGCONT'); // it is a primary in its own eyes until it is told otherwise
    await sleep(1000);
    const wokenAt = performance.now();
    await eventually(() => answeredSince(wokenAt) === REGISTRIES, LEASE_MS);
    const writer = new RedisRegistry({ url, timeoutMs: 2 * TIMEOUT_MS });
    await writer.heartbeat(CLUSTER, { member: member('late'), leaseMs: LEASE_MS });
    await eventually(() => hintedAt.every((at) => at > wokenAt), LEASE_MS);

    isOver = true;
    await Promise.all(loops);
    await Promise.all([...registries, writer].map((registry) => registry.close()));
  });

  test('a primary that hangs through a failover and wakes is not believed: no epoch has two views', async () => {
    const { primary, url, hasFailedOver } = await withSentinels();
    const members = new Map<number, string>();
    const problems: string[] = [];
    const readmitted: string[] = [];
    const registries = Array.from({ length: 5 }, () => new RedisRegistry({ url, timeoutMs: TIMEOUT_MS }));
    const nodes = ['a', 'b', 'c', 'd', undefined].map((id, i) => {
      const self = id === undefined ? undefined : { id, host: 'h', dataPort: 1, httpPort: 2 };
      const rest = { heartbeatMs: HEARTBEAT_MS, leaseMs: LEASE_MS, joinTimeoutMs: 20_000 };
      // Everybody answers everybody, so that nobody may be expelled.
      const peers = { probe: async () => ({ state: 'serving' as const, epoch: 0 }), view: async () => undefined };
      const registry = registries[i]!;
      const node = new ClusterMembership({ cluster: CLUSTER, registry, peers, ...rest, ...(self && { self }) });
      node.on('view', (view, previous) => {
        const text = JSON.stringify(view.members);
        if ((members.get(view.epoch) ?? text) !== text) problems.push(`${view.epoch} has two views`);
        members.set(view.epoch, text);
        if (previous && view.members.length < previous.members.length) problems.push(`${view.epoch} lost a member`);
      });
      node.on('readmitted', () => readmitted.push(id!));
      return node;
    });
    for (const node of nodes) await (node.self ? node.join() : node.start());
    const everyoneSees = (count: number) => () =>
      nodes.every(({ view }) => view.members.length === count && view.epoch === nodes[0]!.view.epoch);
    await eventually(everyoneSees(4), LEASE_MS);
    const before = nodes[0]!.view.epoch;

    primary.signal('SIGSTOP');
    await nodes[0]!.update({ state: 'up' }).catch(() => undefined); // lies in the socket of a process that does not run
    await eventually(hasFailedOver, 30_000);
    await eventually(() => nodes.every((node) => node.registryReachable && node.view.epoch > before), 3 * LEASE_MS);
    primary.signal('SIGCONT');
    for (const [i, node] of nodes.slice(0, 4).entries()) {
      await eventually(
        () =>
          node.update({ state: 'up', weight: 2 + i }).then(
            () => true,
            () => false,
          ),
        LEASE_MS,
      );
      await sleep(300);
    }
    const weights = (): unknown => nodes.map(({ view }) => view.members.map(({ weight }) => weight).join());
    await eventually(() => JSON.stringify(weights()) === JSON.stringify(nodes.map(() => '2,3,4,5')), LEASE_MS);
    await eventually(everyoneSees(4), LEASE_MS);
    expect(problems).toEqual([]);
    expect(readmitted).toEqual([]);
    await Promise.all(nodes.map((node) => node.close()));
    await Promise.all(registries.map((registry) => registry.close()));
  });

  test('a Redis that was started again, with what it had stored a while ago, forgets nobody', async () => {
    const redis = await RedisServer.start(path, (port) => [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--appendonly', 'no', '--save', ''],
      ...['--dir', directory, '--dbfilename', `${port}.rdb`],
    ]);
    servers.push(redis);
    const registry = new RedisRegistry({ url: redis.url(), timeoutMs: 2000 });
    const beat = async (id: string, last?: View): Promise<View> => {
      const request = { member: member(id), leaseMs: 60_000, ...(last && { last }) };
      return (await registry.heartbeat(CLUSTER, request)).view;
    };
    await beat('a');
    const admin = new Redis(redis.port, '127.0.0.1');
    await admin.save();
    admin.disconnect();
    const last = await beat('b');
    await redis.restart();
    const stranger = await beat('c'); // it has seen nothing, so it does not know what is missing
    expect(stranger.epoch).toBeGreaterThan(last.epoch);
    expect((await beat('a', last)).members.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    await registry.close();
  });
}

async function settled(port: number, is: (client: Redis) => Promise<boolean>): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  try {
    await eventually(() => is(client), 30_000);
  } finally {
    client.disconnect();
  }
}

async function eventually(condition: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`did not happen in ${withinMs} ms: ${condition.toString()}`);
    await sleep(20);
  }
}
