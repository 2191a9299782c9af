import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { useCluster } from '../cluster.js';
import { store } from '../data-api.js';
import { placeOf } from '../node-client.js';
import { ClusterWatch } from './cluster-watch.js';
import { viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { imported, underLoad } from './under-load.js';

jest.setTimeout(600_000);

const AUX = ['aux-1', 'aux-2', 'aux-3'];
const RESTORE_MS_PER_100K = 10_000;
/** Damping counts crashes that are no more than a minute apart: each fault here takes a node of its own to crash. */
const VICTIM = { killed: 'aux-1', paused: 'aux-2', flapping: 'aux-3' } as const;
const PROBES = 200;

const cluster = useCluster({ masters: 2, aux: 3, replicas: 2 });
const urls = () => cluster().masters.map(({ url }) => url);
let fill: Fill;

beforeAll(async () => {
  fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
  await fill.store();
}, 120_000);

afterEach(async () => {
  for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
});

test('kill -9 one of three aux', async () => {
  const others = AUX.filter((id) => id !== VICTIM.killed);
  const fault = 'kill -9 one of three aux';
  await underLoad({ fault, prefix: 'killed', urls: urls(), upAtEnd: AUX }, async () => {
    await cluster().kill(VICTIM.killed);
    const limit = RESTORE_MS_PER_100K * Math.max(1, LENGTH.keys / 100_000);
    const restoredMs = await imported(urls(), others, limit);
    await sleep(LENGTH.quietMs);
    await cluster().start(VICTIM.killed);
    return { [`until all ${LENGTH.keys} keys have two copies again`]: seconds(restoredMs) };
  });
});

test('SIGSTOP an aux, then SIGCONT', async () => {
  const [first = '', second = ''] = urls();
  const all = Array.from({ length: PROBES }, (_, i) => `probe:${i}`);
  const places = await Promise.all(all.map((key) => placeOf(first, key)));
  const keys = places.filter(({ owners }) => owners[0] === VICTIM.paused).map(({ key }) => key);
  expect(keys.length).toBeGreaterThan(10);
  for (const key of keys) expect((await store(first, key, 'before')).status).toBe(200);
  const node = cluster().aux.find(({ name }) => name === VICTIM.paused)!;
  const direct = new Redis({ host: node.host, port: node.dataPort, lazyConnect: true, commandTimeout: 60_000 });
  await direct.connect();
  try {
    const fault = `SIGSTOP an aux for ${seconds(LENGTH.pauseMs)}, then SIGCONT`;
    await underLoad({ fault, prefix: 'paused', urls: urls(), upAtEnd: AUX }, async () => {
      await cluster().kill(VICTIM.paused, 'SIGSTOP');
      await sleep(LENGTH.pauseMs);
      for (const key of keys) expect((await store(second, key, 'after')).status).toBe(200);
      // These wait in the node's socket: it answers them before it has heard of anything else.
      const reads = keys.map((key) => direct.get(key).catch((error: Error) => error.message.split(' ')[0]));
      await sleep(50);
      await cluster().kill(VICTIM.paused, 'SIGCONT');
      const answers = await Promise.all(reads);
      expect(answers.filter((answer) => !['after', 'MOVED', 'LOADING'].includes(String(answer)))).toEqual([]);
      return { 'reads asked of the node itself as it resumed, none stale': answers.length };
    });
  } finally {
    direct.disconnect();
  }
});

test('rolling restart of every aux', async () => {
  const fault = 'rolling restart of every aux';
  await underLoad({ fault, prefix: 'rolling', urls: urls(), upAtEnd: AUX }, async () => {
    const began = performance.now();
    for (const name of AUX) {
      await cluster().kill(name, 'SIGTERM');
      await cluster().start(name);
    }
    return { 'for three restarts': seconds(performance.now() - began) };
  });
});

test('kill -9 one of two masters, behind a client that retries', async () => {
  const fault = 'kill -9 one of two masters behind a retrying client';
  await underLoad({ fault, prefix: 'master', urls: urls(), retries: 5, upAtEnd: AUX }, async () => {
    await cluster().kill('master-2');
    await sleep(LENGTH.quietMs);
    await cluster().start('master-2');
    return {};
  });
});

test('an aux that comes and goes', async () => {
  const fault = `flapping aux, 2 s up and 2 s down for ${seconds(LENGTH.flappingMs)}`;
  const watch = new ClusterWatch(urls());
  const options = { fault, prefix: 'flapping', urls: urls() };
  await underLoad(options, async () => {
    const end = performance.now() + LENGTH.flappingMs;
    let starting: Promise<unknown> = Promise.resolve();
    while (performance.now() < end) {
      await cluster().kill(VICTIM.flapping);
      await starting;
      await sleep(2000);
      starting = cluster()
        .start(VICTIM.flapping)
        .catch(() => undefined); // killed before it was ready
      await sleep(2000);
    }
    await cluster().kill(VICTIM.flapping);
    await starting;
    await sleep(LENGTH.quietMs);
    return { 'ring changes': watch.ringChanges };
  });
  await watch.stop();
  expect(watch.ringChanges - 1).toBeLessThanOrEqual(3);
  expect(watch.epochsFallen).toBe(0);
});

// The last one: the cluster has another number of copies after it.
test('a rolling change of DCS_REPLICAS', async () => {
  const changes = LENGTH.timed ? ['3', '2'] : ['3'];
  const fault = `rolling change of DCS_REPLICAS from 2 to ${changes.join(' and back to ')}`;
  await underLoad({ fault, prefix: 'replicas', urls: urls(), upAtEnd: AUX }, async () => {
    const began = performance.now();
    for (const DCS_REPLICAS of changes) {
      for (const name of AUX) {
        await cluster().kill(name, 'SIGTERM');
        await cluster().start(name, { DCS_REPLICAS });
      }
      expect((await viewOf(urls()[0]!)).replicas).toBe(Number(DCS_REPLICAS));
    }
    return { [`for ${AUX.length * changes.length} restarts`]: seconds(performance.now() - began) };
  });
});
