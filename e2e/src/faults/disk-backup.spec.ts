import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { eventually } from '../eventually.js';
import { call } from '../http.js';
import { AUX, killAll, metric, startAll } from './aux-outage.js';
import { backedUpSince, backupCommand, backUp } from './backups.js';
import { Fill } from './fill.js';
import { LastingKeys } from './lasting-keys.js';
import { LENGTH } from './length.js';
import { measured, seconds } from './measured.js';
import { filesIn, flipEvery, type FoundFile, wipe } from './node-disk.js';
import { healed, underLoad } from './under-load.js';

jest.setTimeout(600_000);

/** Noise of the machine counts when the bound is asserted. */
const INTERVAL_SECONDS = LENGTH.timed ? 5 : 2;
const NEVER_SECONDS = 86_400;
const RECOVERY_WAIT_MS = '3000';
const KILL_TRIES = 10;
/** Nodes that were killed again and again are held back by the registry for up to a minute. */
const TIMEOUT_MS = 120_000;
/** A backup and a restore are interrupted: there must be something to interrupt. */
const MORE_KEYS = 2 * LENGTH.keys;

let directory: string;
let backups: string;
let cluster: Cluster;
let fill: Fill;
let lasting: LastingKeys;
const urls = (of: Cluster = cluster): string[] => of.masters.map(({ url }) => url);
const environment = (folder: string, intervalSeconds: number): Record<string, string> => ({
  DCS_BACKUP_DIR: folder,
  DCS_BACKUP_INTERVAL: String(intervalSeconds),
  DCS_RECOVERY_WAIT_MS: RECOVERY_WAIT_MS,
});

beforeAll(async () => {
  directory = await temporaryDirectory();
  backups = join(directory, 'backups');
  await mkdir(backups);
  const env = environment(backups, INTERVAL_SECONDS);
  const dataDir = join(directory, 'cluster');
  cluster = await startTestCluster(dataDir, { masters: 2, aux: 3, replicas: 2, readyTimeoutMs: TIMEOUT_MS, env });
  fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
  await fill.store();
  lasting = await LastingKeys.store(urls()[0]!, 'lasting');
});

afterAll(async () => {
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
});

const total = async (of: Cluster, name: string): Promise<number> => {
  const values = await Promise.all(of.aux.map((aux) => metric(of, aux.name, name)));
  return values.reduce((sum, value) => sum + value, 0);
};

test('all disks are wiped: what a backup has is back, with nobody’s help', async () => {
  const fault = `all aux killed and all disks wiped, a backup every ${INTERVAL_SECONDS} s`;
  let mayLoseMs = Infinity;
  let readyMs = Infinity;
  await underLoad({ fault, prefix: 'wiped', urls: urls(), mayFail: true, upAtEnd: AUX }, async (load) => {
    await sleep(2 * INTERVAL_SECONDS * 1000);
    const since = await backedUpSince(cluster);
    mayLoseMs = Date.now() - since;
    const lossFrom = performance.now() - mayLoseMs;
    await killAll(cluster);
    await sleep(200); // answers on their way
    load.mayBeUndone(lossFrom);
    await wipe(join(directory, 'cluster'), AUX);
    readyMs = await startAll(cluster);
    return {
      'before the end the last backup had begun': seconds(mayLoseMs),
      [`until all are ready again with ${LENGTH.keys} keys`]: seconds(readyMs),
    };
  });
  for (const url of urls()) {
    expect(await fill.lost(url)).toEqual([]);
    expect(await lasting.wrong(url)).toEqual([]);
  }
  if (LENGTH.timed) expect(mayLoseMs).toBeLessThanOrEqual(INTERVAL_SECONDS * 1000);
});

/** A new cluster with empty disks and this folder of backups. */
async function restored<T>(
  folder: string,
  aux: number,
  work: (of: Cluster, readyMs: number) => Promise<T>,
): Promise<T> {
  const dataDir = await temporaryDirectory();
  const env = environment(folder, NEVER_SECONDS);
  const began = performance.now();
  const other = await startTestCluster(dataDir, { masters: 2, aux, replicas: 2, readyTimeoutMs: TIMEOUT_MS, env });
  try {
    return await work(other, performance.now() - began);
  } finally {
    await other.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function copyOfBackups(name: string): Promise<string> {
  const copy = join(directory, name);
  await eventually(() => cp(backups, copy, { recursive: true })); // again when a node removes a file meanwhile
  return copy;
}

describe('a backup of three nodes', () => {
  beforeAll(async () => {
    // No backup of their own from now on: each test has the folder as it leaves it.
    await killAll(cluster);
    await startAll(cluster, AUX, environment(backups, NEVER_SECONDS));
    await backUp(cluster);
  });

  test.each([5, 2])('is restored into %s', async (aux) => {
    await restored(await copyOfBackups(`for-${aux}`), aux, async (other, readyMs) => {
      for (const url of urls(other)) {
        expect(await fill.lost(url)).toEqual([]);
        expect(await lasting.wrong(url)).toEqual([]);
      }
      const equalMs = await healed(urls(other));
      measured(`a backup of 3 aux restored into ${aux}`, {
        'keys, all there': LENGTH.keys,
        'until the new cluster is ready': seconds(readyMs),
        'ms more until all copies are equal': Math.round(equalMs),
      });
    });
  });

  test('damaged: what is damaged is left out, counted and never served', async () => {
    const copy = await copyOfBackups('damaged');
    expect(await backupCommand('verify', copy)).toMatchObject({ code: 0 });
    const files = (await filesIn(copy)).filter(({ path }) => path.includes('aux-1'));
    for (const { path, bytes } of files) await flipEvery(path, bytes); // one bit, in the middle
    const verified = await backupCommand('verify', copy);
    expect(verified.code).not.toBe(0);
    for (const { path } of files) expect(verified.stdout + verified.stderr).toContain(path.split('/').at(-1));
    await restored(copy, 3, async (other) => {
      const lost = await fill.lost(urls(other)[0]);
      const answer = await call(urls(other)[0]!, '/data/bulk/get', { json: lost.slice(0, 1000) });
      expect(answer.json()).toEqual({}); // not there, and not something else
      const damaged = await total(other, 'dcs_restore_damaged_blocks_total');
      measured('a bit flipped in a backup, then restored', {
        'damaged blocks found': damaged,
        [`of ${LENGTH.keys} keys left out, none wrong`]: lost.length,
      });
      expect(damaged).toBeGreaterThan(0);
      expect(lost.length).toBeLessThan(LENGTH.keys / 2);
    });
  });

  test('is not touched by a kill -9 in the middle of the next one', async () => {
    await new Fill({ url: urls()[0]!, prefix: 'more', keys: MORE_KEYS }).store();
    await backUp(cluster);
    const interrupted = await killDuringBackup('aux-1');
    expect(await backupCommand('verify', backups)).toMatchObject({ code: 0 });
    await startAll(cluster, ['aux-1']);
    measured('kill -9 in the middle of a backup', {
      'of its bytes were written; the old backup verifies': interrupted,
    });
    await restored(await copyOfBackups('interrupted'), 3, async (other) => {
      expect(await fill.lost(urls(other)[0])).toEqual([]);
      expect(await lasting.wrong(urls(other)[0]!)).toEqual([]);
    });
    await backUp(cluster);
  });

  /** Has the nodes make a backup, and kills one when it has written a part of its file; answers how much of it, bytes. */
  async function killDuringBackup(name: string): Promise<number> {
    const files = async (): Promise<FoundFile[]> => (await filesIn(backups)).filter(({ path }) => path.includes(name));
    for (let tries = 0; tries < KILL_TRIES; tries++) {
      const before = new Set((await files()).map(({ path }) => path));
      const { status } = await call(urls()[0]!, '/cluster/backup', { method: 'POST' });
      expect(status).toBe(202);
      await eventually(
        async () => {
          const isBegun = (await files()).some(({ path, bytes }) => !before.has(path) && bytes > 0);
          if (!isBegun) throw new Error(`${name} does not begin a backup`);
        },
        { intervalMs: 1 },
      );
      await cluster.kill(name, 'SIGSTOP'); // it stays where it is while it is looked at
      const part = (await files()).find(({ path, bytes }) => path.endsWith('.tmp') && bytes > 0);
      if (part === undefined) await cluster.kill(name, 'SIGCONT');
      else {
        await cluster.kill(name);
        return part.bytes;
      }
    }
    throw new Error(`${name} ended each of ${KILL_TRIES} backups before it could be stopped`);
  }

  test('is restored by the next start after a kill -9 in the middle of a restore', async () => {
    await backUp(cluster);
    await killAll(cluster);
    await wipe(join(directory, 'cluster'), AUX);
    const starting = startAll(cluster).catch(() => undefined); // killed before they are ready
    const entries = await eventually(
      async () => {
        const restoredEntries = await total(cluster, 'dcs_restore_entries_total');
        expect(restoredEntries).toBeGreaterThan(0);
        return restoredEntries;
      },
      { timeoutMs: TIMEOUT_MS, intervalMs: 5 },
    );
    await killAll(cluster);
    await starting;
    await startAll(cluster);
    measured('kill -9 in the middle of a restore, start again', {
      [`of ${LENGTH.keys + MORE_KEYS} entries were restored by then; all are there in the end`]: entries,
    });
    for (const url of urls()) {
      expect(await fill.lost(url)).toEqual([]);
      expect(await lasting.wrong(url)).toEqual([]);
    }
    await healed(urls(), AUX);
  });
});
