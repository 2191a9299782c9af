import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { store } from '../data-api.js';
import { eventually } from '../eventually.js';
import { placeOf, withNode } from '../node-client.js';
import { Program } from '../system/program.js';
import { AUX, metric, readiness, startAll } from './aux-outage.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { SmallDisk, whyNoMount } from './loop-disk.js';
import { seconds } from './measured.js';
import { diskOf } from './node-disk.js';
import { describeWith, programPath } from './prerequisite.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const KEYS = 2_000;
const FULL = 'aux-2';
const FULL_MIB = 64;
const BROKEN = 'aux-1';
const NOTICED_MS = 20_000;
const RECOVERED_MS = 60_000;
const PROBES = 20;
/** How a client may be told that its write is refused. */
const REFUSAL = /: (503|507) .*"code":"ERR_[A-Z_]+"/;

const missing =
  whyNoMount() ?? (programPath('strace') === undefined ? 'no strace on this machine (Debian: strace)' : undefined);

describeWith(missing, () => {
  let directory: string;
  let disk: SmallDisk;
  let cluster: Cluster;
  let fill: Fill;
  const urls = (): string[] => cluster.masters.map(({ url }) => url);
  const pidOf = (name: string): number => cluster.aux.find((aux) => aux.name === name)!.pid;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    disk = await SmallDisk.create(diskOf(directory, FULL), FULL_MIB);
    const env = { DCS_DURABILITY: 'always' };
    cluster = await startTestCluster(directory, { masters: 2, aux: 3, replicas: 2, readyTimeoutMs: 120_000, env });
    fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: KEYS });
    await fill.store();
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    await disk?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  const writable = (name: string): Promise<number> => metric(cluster, name, 'dcs_disk_writable');

  /** Until a node says that it is not ready for want of its disk; what it says. */
  const refuses = (name: string): Promise<string> =>
    eventually(
      async () => {
        const { status, text } = await readiness(cluster, name);
        expect({ status, writable: await writable(name) }).toEqual({ status: 503, writable: 0 });
        return text;
      },
      { timeoutMs: NOTICED_MS },
    );

  const recovers = (name: string): Promise<void> =>
    eventually(
      async () => {
        const { status } = await readiness(cluster, name);
        expect({ status, writable: await writable(name) }).toEqual({ status: 200, writable: 1 });
      },
      { timeoutMs: RECOVERED_MS },
    );

  test('a disk is full, and has room again', async () => {
    const pid = pidOf(FULL);
    const options = { fault: 'disk full, then room again', prefix: 'full', urls: urls(), mayFail: true, upAtEnd: AUX };
    const report = await underLoad(options, async () => {
      await disk.fill();
      const told = await refuses(FULL);
      process.stdout.write(`full: ${told}\n`);
      expect(told).toMatch(/full|space|ENOSPC/i);
      await sleep(LENGTH.quietMs);
      await disk.makeRoom();
      const began = performance.now();
      await recovers(FULL);
      return { 'until the node takes writes again': seconds(performance.now() - began) };
    });
    expect(pidOf(FULL)).toBe(pid);
    expect(report.failures.filter((failure) => !REFUSAL.test(failure))).toEqual([]);
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });

  test('fsync ends with EIO', async () => {
    const [first = ''] = urls();
    const node = cluster.aux.find(({ name }) => name === BROKEN)!;
    const { pid } = node;
    const places = await Promise.all(Array.from({ length: 100 }, (_, i) => placeOf(first, `probe:${i}`)));
    const keys = places.filter(({ owners }) => owners[0] === BROKEN).map(({ key }) => key).slice(0, PROBES); // prettier-ignore
    expect(keys.length).toBeGreaterThan(5);
    for (const key of keys) expect((await store(first, key, 'before')).status).toBe(200);
    const options = { fault: 'EIO from fsync on one aux', prefix: 'eio', urls: urls(), mayFail: true, upAtEnd: AUX };
    const report = await underLoad(options, async () => {
      const injection = await injectSyncErrors(pid);
      let answers: string[];
      let told: string;
      try {
        const set = (client: Redis, key: string) => client.set(key, 'after').catch((error: Error) => error.message);
        const work = (client: Redis) => Promise.all(keys.map(async (key) => String(await set(client, key))));
        answers = await withNode(node, work, { commandTimeout: NOTICED_MS });
        told = await refuses(BROKEN);
      } finally {
        await injection.close();
      }
      process.stdout.write(`EIO: ${told}\nEIO: ${answers[0]}\n`);
      expect(answers.filter((answer) => answer === 'OK')).toEqual([]);
      expect(told).toMatch(/EIO|I\/O error|input\/output/i);
      const began = performance.now();
      await recovers(BROKEN);
      const recoveredMs = performance.now() - began;
      expect(pidOf(BROKEN)).toBe(pid);
      // What the failed syncs were about is not to be trusted to be on disk: it has to be written again.
      await cluster.kill(BROKEN);
      await startAll(cluster, [BROKEN]);
      await recovers(BROKEN);
      return {
        'until it takes writes again when the disk does': seconds(recoveredMs),
        'writes sent to the node itself, none acknowledged': answers.length,
      };
    });
    expect(report.failures.filter((failure) => !REFUSAL.test(failure))).toEqual([]);
    for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
  });
});

/** From now on, until it is closed, every sync of a process and its children fails. */
async function injectSyncErrors(pid: number): Promise<Program> {
  const calls = 'fsync,fdatasync,msync,sync_file_range';
  const args = ['-f', '-q', '-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO`, '-p', String(pid)];
  const strace = new Program(programPath('strace')!, args);
  await sleep(500);
  if (!strace.running) throw new Error(`strace ended: ${strace.stderr}`);
  return strace;
}
