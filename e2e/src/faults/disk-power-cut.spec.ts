import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { AcknowledgedWrites } from './acknowledged-writes.js';
import { AUX, killAll, startAll } from './aux-outage.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { LoopDisk, whyNoMount } from './loop-disk.js';
import { seconds } from './measured.js';
import { describeWith } from './prerequisite.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const DISK_MIB = 1024;
/** What a power cut may cost with DCS_DURABILITY=interval. */
const INTERVAL_MS = 1_000;
const UNSYNCED = 'written and not synced\n'.repeat(1000);
/** Answers that were on their way when the power was cut have arrived by then. */
const ANSWERS_MS = 200;

describeWith(whyNoMount(), () => {
  let directory: string;
  let disk: LoopDisk;
  let cluster: Cluster;
  let fill: Fill;
  let cuts = 0;
  const urls = (): string[] => cluster.masters.map(({ url }) => url);

  beforeAll(async () => {
    directory = await temporaryDirectory();
    disk = await LoopDisk.create(join(directory, 'disk'), DISK_MIB);
    const env = { DCS_DURABILITY: 'interval' };
    cluster = await startTestCluster(directory, { masters: 2, aux: 3, replicas: 2, readyTimeoutMs: 120_000, env });
    fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
    await fill.store();
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    await disk?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  /** Everything ends in one moment, and what was not synced is gone. Answers the moment before. */
  async function cutPower(): Promise<number> {
    // A new file each time: one that is overwritten, ext4 writes out as it is closed (auto_da_alloc).
    const control = join(directory, 'disk', `control-${++cuts}`);
    await writeFile(control, UNSYNCED);
    const cutAt = performance.now();
    const killed = killAll(cluster);
    await disk.cutPower();
    await killed;
    await sleep(ANSWERS_MS);
    await disk.unmount();
    await disk.mount();
    expect(await readFile(control, 'utf8').catch(() => '')).not.toBe(UNSYNCED); // it was a power cut
    return cutAt;
  }

  test.each([
    ['interval', INTERVAL_MS],
    ['always', 0],
  ])('the power is cut with DCS_DURABILITY=%s', async (durability, mayLoseMs) => {
    if (durability !== 'interval') {
      await killAll(cluster);
      await startAll(cluster, AUX, { DCS_DURABILITY: durability });
    }
    const writes = new AcknowledgedWrites(urls(), `${durability}-new`);
    let lostMs = 0;
    let lost = 0;
    const fault = `power cut, DCS_DURABILITY=${durability}`;
    await underLoad({ fault, prefix: durability, urls: urls(), mayFail: true, upAtEnd: AUX }, async (load) => {
      await sleep(LENGTH.quietMs + INTERVAL_MS);
      const cutAt = await cutPower();
      if (mayLoseMs > 0) load.mayBeUndone(cutAt - mayLoseMs);
      const acknowledged = await writes.stop();
      const readyMs = await startAll(cluster);
      const gone = await writes.lost(urls()[0]!);
      lost = gone.length;
      lostMs = Math.max(0, ...gone.map(({ at }) => cutAt - at));
      return {
        'new keys acknowledged': acknowledged.length,
        'of them lost': lost,
        'ms before the cut the first of these was acknowledged': Math.round(lostMs),
        'until all are ready again': seconds(readyMs),
      };
    });
    if (mayLoseMs === 0) expect(lost).toBe(0);
    expect(lostMs).toBeLessThanOrEqual(mayLoseMs);
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });
});
