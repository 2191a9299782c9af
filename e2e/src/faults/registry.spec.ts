import { RedisRegistry } from '@dcs/cluster-membership';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { rm } from 'node:fs/promises';
import { eventually } from '../eventually.js';
import { ClusterWatch } from './cluster-watch.js';
import { viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { describeWith, programPath } from './prerequisite.js';
import { RedisServer } from './redis-server.js';
import { imported, underLoad } from './under-load.js';

jest.setTimeout(600_000);

const AUX = ['aux-1', 'aux-2', 'aux-3'];
const CLUSTER_NAME = 'dcs';
const REGISTERED_WITHIN_MS = 2_000;
const LEASE_MS = 3_000;
const IMPORT_TIMEOUT_MS = 30_000;

const missing = programPath('redis-server') === undefined ? 'no redis-server on this machine' : undefined;

describeWith(missing, () => {
  let redis: RedisServer;
  let cluster: Cluster;
  let directory: string;
  let fill: Fill;
  const urls = (): string[] => cluster.masters.map(({ url }) => url);

  beforeAll(async () => {
    redis = await RedisServer.start();
    directory = await temporaryDirectory();
    cluster = await startTestCluster(directory, { masters: 2, aux: 3, replicas: 2, registry: redis.url });
    fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
    await fill.store();
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    await redis?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  afterEach(async () => {
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });

  /** How long it takes, from now, until the registry knows all nodes again at an epoch as high as before, ms. */
  async function registered(epoch: number): Promise<number> {
    const began = performance.now();
    const registry = new RedisRegistry({ url: redis.url });
    try {
      await eventually(
        async () => {
          const view = await registry.read(CLUSTER_NAME);
          expect(view.members.map(({ id, state }) => `${id}:${state}`).sort()).toEqual(AUX.map((id) => `${id}:up`));
          expect(view.epoch).toBeGreaterThanOrEqual(epoch);
        },
        { timeoutMs: 20_000, intervalMs: 20 },
      );
      return performance.now() - began;
    } finally {
      await registry.close();
    }
  }

  /** Takes the registry away and gives it back; nobody may notice. */
  async function outage(fault: string, prefix: string, away: () => Promise<void>, back: () => Promise<void>) {
    const watch = new ClusterWatch(urls());
    const { epoch } = await viewOf(urls()[0]!);
    let registeredMs = Infinity;
    await underLoad({ fault, prefix, urls: urls(), upAtEnd: AUX }, async () => {
      await away();
      await back();
      registeredMs = await registered(epoch);
      await sleep(LEASE_MS); // what a lease that was forgotten would do, it has done by then
      return {
        'ms until all are registered again': Math.round(registeredMs),
        'false evictions': watch.ringChanges,
        'epochs fallen': watch.epochsFallen,
      };
    });
    await watch.stop();
    expect(watch.rings).toEqual(urls().map(() => [AUX.join(' ')]));
    expect(watch.epochsFallen).toBe(0);
    expect(registeredMs).toBeLessThanOrEqual(REGISTERED_WITHIN_MS);
  }

  test('Redis down', () =>
    outage(
      `Redis killed and away for ${seconds(LENGTH.outageMs)}, empty when it is back`,
      'down',
      async () => {
        await redis.kill();
        await sleep(LENGTH.outageMs);
      },
      () => redis.restart(),
    ));

  test('Redis stopped', () =>
    outage(
      `Redis SIGSTOPped for ${seconds(LENGTH.outageMs)}`,
      'stopped',
      async () => {
        redis.pause();
        await sleep(LENGTH.outageMs);
      },
      async () => redis.resume(),
    ));

  test('Redis wiped', () =>
    outage(
      'Redis wiped (FLUSHALL)',
      'wiped',
      () => redis.wipe(),
      async () => undefined,
    ));

  test('Redis down and an aux killed', async () => {
    const watch = new ClusterWatch(urls());
    const fault = `Redis down for ${seconds(LENGTH.outageMs)} and an aux killed`;
    await underLoad({ fault, prefix: 'both', urls: urls(), upAtEnd: AUX }, async () => {
      await redis.kill();
      await sleep(LENGTH.quietMs);
      await cluster.kill('aux-2');
      await sleep(LENGTH.outageMs);
      await redis.restart();
      const restoredMs = await imported(urls(), ['aux-1', 'aux-3'], IMPORT_TIMEOUT_MS);
      await cluster.start('aux-2');
      return { 'from the return of Redis until every key has two copies again': seconds(restoredMs) };
    });
    await watch.stop();
    expect(watch.epochsFallen).toBe(0);
  });
});
