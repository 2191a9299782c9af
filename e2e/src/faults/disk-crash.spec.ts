import { rm } from 'node:fs/promises';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { AUX, killAll, metric, startAll } from './aux-outage.js';
import { Fill } from './fill.js';
import { LastingKeys } from './lasting-keys.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { diskOf, filesIn, flipBehind, flipEvery, wipe } from './node-disk.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const READY_MS_PER_100K = 5_000;
/** One value in so many is damaged. */
const FLIP_STEP = 50;
const FLIP_BYTES = 4_000;

let directory: string;
let cluster: Cluster;
let fill: Fill;
/** How long the same takes with nothing on any disk: processes that start, and agree on a view. */
let emptyMs = 0;
const urls = (): string[] => cluster.masters.map(({ url }) => url);

beforeAll(async () => {
  directory = await temporaryDirectory();
  cluster = await startTestCluster(directory, { masters: 2, aux: 3, replicas: 2, readyTimeoutMs: 120_000 });
  if (LENGTH.timed) {
    await killAll(cluster);
    emptyMs = await startAll(cluster);
  }
  fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
  await fill.store();
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
}, 120_000);

/** Kills all aux under load, does something to their disks, starts them again; all that was acknowledged must be there. */
async function crash(fault: string, prefix: string, meanwhile: () => Promise<Record<string, number>>): Promise<number> {
  let readyMs = Infinity;
  const lasting = await LastingKeys.store(urls()[0]!, prefix);
  await underLoad({ fault, prefix, urls: urls(), mayFail: true, upAtEnd: AUX }, async () => {
    await killAll(cluster);
    const values = await meanwhile();
    readyMs = await startAll(cluster);
    const loads = await Promise.all(AUX.map((name) => metric(cluster, name, 'dcs_disk_load_seconds')));
    return {
      ...values,
      [`until all are ready again with ${LENGTH.keys} keys`]: seconds(readyMs),
      'of it to load the disk, the slowest': seconds(1000 * Math.max(...loads)),
      ...(LENGTH.timed ? { 'when there is no key': seconds(emptyMs) } : {}),
    };
  });
  for (const url of urls()) {
    expect(await fill.lost(url)).toEqual([]);
    expect(await lasting.wrong(url)).toEqual([]);
  }
  return readyMs;
}

const damagedEntries = async (): Promise<number> => {
  const counts = await Promise.all(AUX.map((name) => metric(cluster, name, 'dcs_disk_damaged_entries_total')));
  return counts.reduce((sum, count) => sum + count, 0);
};

test('kill -9 every aux at once, start again', async () => {
  const readyMs = await crash('kill -9 every aux at once, start again', 'all', async () => ({}));
  if (!LENGTH.timed) return;
  process.stdout.write(`without any key: ${seconds(emptyMs)} until all are ready\n`);
  const limit = READY_MS_PER_100K * Math.max(1, LENGTH.keys / 100_000);
  expect(readyMs - emptyMs).toBeLessThanOrEqual(limit);
});

test('one disk of three wiped while all are down', async () => {
  await crash('kill -9 every aux, one disk wiped', 'wiped', async () => {
    await wipe(directory, ['aux-2']);
    return {};
  });
});

test('values damaged on a disk while all are down', async () => {
  let flipped = 0;
  await crash('kill -9 every aux, a bit flipped in values on a disk', 'flipped', async () => {
    flipped = await flipBehind(diskOf(directory, 'aux-1'), '=....', FLIP_STEP);
    return { 'bits flipped': flipped };
  });
  expect(flipped).toBeGreaterThan(10);
  const damaged = await damagedEntries();
  process.stdout.write(`damaged entries found: ${damaged} of ${flipped}\n`);
  expect(damaged).toBeGreaterThan(0);
});

test('the files of a disk damaged all over while all are down', async () => {
  await crash('kill -9 every aux, a bit flipped in every 4000 bytes of a disk', 'scattered', async () => {
    const files = (await filesIn(diskOf(directory, 'aux-3'))).filter(({ bytes }) => bytes > FLIP_BYTES);
    for (const { path } of files) await flipEvery(path, FLIP_BYTES);
    return { 'files damaged': files.length };
  });
});
