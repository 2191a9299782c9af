/**
 * What a disk costs: processor time per write of 100 bytes, the longest turn of the event loop, and the time to load.
 *
 *     npx nx build aux && node apps/aux/scripts/measure-disk.js [keys] [directory]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { entryOf } from '../dist/node/entry.js';
import { Store } from '../dist/node/store.js';
import { Disk } from '../dist/persistence/disk.js';

const keys = Number(process.argv[2] ?? 100_000);
const root = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'dcs-measure-'));
const quiet = { info: () => undefined, warn: console.warn, error: console.error };
const WRITES_PER_TURN = 50;

function newStore() {
  return new Store({
    maxEntries: 2 * keys,
    maxBytes: 2 ** 34,
    tombstoneRetentionMs: 3_600_000,
    now: Date.now,
    hashSeed: 1,
  });
}

/** @param {number} writes @param {number} from @param {Store} store @param {Disk | undefined} disk */
async function write(writes, from, store, disk) {
  const value = 'v'.repeat(100);
  for (let n = from; n < from + writes; ) {
    for (let i = 0; i < WRITES_PER_TURN; i++, n++) {
      const key = `key:${n % keys}`;
      store.merge(key, entryOf(key, value, { ms: 1_700_000_000_000 + n, low: 1 }));
    }
    if (disk) await new Promise((resolve) => disk.whenDurable(resolve));
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Microseconds of processor time, of all threads, per write. */
async function cost(store, disk) {
  const writes = 3 * keys;
  await write(keys, 0, store, disk);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const [started, usage] = [performance.now(), process.cpuUsage()];
  await write(writes, keys, store, disk);
  const { user, system } = process.cpuUsage(usage);
  const seconds = (performance.now() - started) / 1000;
  return {
    'CPU us/write': ((user + system) / writes).toFixed(2),
    'writes/s': Math.round(writes / seconds),
    'longest turn ms': (delay.max / 1e6).toFixed(1),
  };
}

const table = { 'no disk': await cost(newStore(), undefined) };
for (const durability of ['interval', 'always']) {
  const directory = join(root, durability);
  const disk = await Disk.open({ directory, durability, now: Date.now, log: quiet });
  const store = newStore();
  await disk.load(store);
  table[durability] = await cost(store, disk);
  await disk.close();
  const opening = performance.now();
  const again = await Disk.open({ directory, durability, now: Date.now, log: quiet });
  const loading = performance.now();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await again.load(newStore());
  table[durability]['check s'] = ((loading - opening) / 1000).toFixed(2);
  table[durability]['load s'] = ((performance.now() - loading) / 1000).toFixed(2);
  table[durability]['longest turn loading ms'] = (delay.max / 1e6).toFixed(1);
  table[durability].entries = again.loaded;
  await again.close();
}
console.table(table);
rmSync(root, { recursive: true });
