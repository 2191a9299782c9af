import { existsSync, readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { read, store } from '../data-api.js';
import { RedisServer } from './redis-server.js';
import { LENGTH } from './length.js';
import { describeWith, programPath } from './prerequisite.js';
import { underLoad } from './under-load.js';

jest.setTimeout(600_000);

const AUX = ['aux-1', 'aux-2', 'aux-3'];
const TTL_MS = 3_000;
const TTL_ERROR_MS = 1_000;
const TTL_KEYS = 60;
const POLL_MS = 50;
const LASTING_TTL_S = 600;
const LASTING_KEYS = 300;
const STEP_MS = 3_000;
const GIVEN_UP_MS = 5_000;

const faketime = libfaketime();

describeWith(whyNot(), () => {
  let redis: RedisServer;
  let cluster: Cluster;
  let directory: string;
  const urls = (): string[] => cluster.masters.map(({ url }) => url);

  beforeAll(async () => {
    redis = await RedisServer.start();
    directory = await temporaryDirectory();
    cluster = await startTestCluster(directory, { masters: 2, aux: 3, replicas: 2, registry: redis.url });
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    await redis?.close();
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  test.each(LENGTH.wrongClocks)('the clock of %s is off by %s s', async (name, offset) => {
    await cluster.kill(name, 'SIGTERM');
    await cluster.start(name, wrongClock({ FAKETIME: `${offset}s` }));
    expect(Math.sign(Number(offset)) * (loggedAt(cluster, name) - Date.now())).toBeGreaterThan(100_000);
    const fault = `clock of ${name.startsWith('aux') ? 'an aux' : 'a master'} off by ${offset} s`;
    const prefix = `${name}${offset}`;
    let error = Infinity;
    await underLoad({ fault, prefix, urls: urls(), upAtEnd: AUX }, async () => {
      error = await worstTtlError(prefix);
      await sleep(LENGTH.quietMs);
      return { 'ms of TTL error at most': Math.round(error) };
    });
    expect(error).toBeLessThanOrEqual(TTL_ERROR_MS);
    await cluster.kill(name, 'SIGTERM');
    await cluster.start(name, {});
  });

  test.each(LENGTH.clockSteps)(
    'the clock of %s is set by %s s while it runs, and right again after 3 s',
    async (name, step) => {
      const file = join(directory, `${name}${step}.clock`);
      const set = (seconds: string): Promise<void> => writeFile(file, `${seconds}s`);
      await set('+0');
      await cluster.kill(name, 'SIGTERM');
      await cluster.start(name, wrongClock({ FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1' }));
      const fault = `clock of ${name.startsWith('aux') ? 'an aux' : 'a master'} set by ${step} s for 3 s`;
      const prefix = `${name}${step}`;
      const keys = Array.from({ length: LASTING_KEYS }, (_, i) => `${prefix}:lasting:${i}`);
      const missing = async (): Promise<number> => {
        const answers = await Promise.all(keys.map((key, i) => read(urls()[i % 2]!, key)));
        return answers.filter(({ status }) => status !== 200).length;
      };
      await underLoad({ fault, prefix, urls: urls(), upAtEnd: AUX }, async () => {
        for (const key of keys) expect((await store(urls()[1]!, key, 'lasting', LASTING_TTL_S)).status).toBe(200);
        await set(step);
        await sleep(STEP_MS);
        const error = Math.abs((await dateOf(name)) - Date.now() - Number(step) * 1000);
        expect(error).toBeLessThan(10_000); // it was set
        const duringIt = await missing();
        await set('+0');
        await sleep(STEP_MS);
        return { 'entries with 600 s to live that were missing': duringIt + (await missing()) };
      });
      expect(await missing()).toBe(0);
      await cluster.kill(name, 'SIGTERM');
      await cluster.start(name, {});
    },
  );

  /** The time by the wall clock of a process, ms since 1970, to the second. */
  async function dateOf(name: string): Promise<number> {
    const master = cluster.masters.find((each) => each.name === name);
    const aux = cluster.aux.find((each) => each.name === name);
    const { headers } = await fetch(`${master?.url ?? `http://${aux!.host}:${aux!.httpPort}`}/health`);
    return Date.parse(headers.get('date')!);
  }

  /** Stores keys with a TTL through all masters, and answers by how much the worst of them lived too long or too short, ms. */
  async function worstTtlError(prefix: string): Promise<number> {
    const errors = await Promise.all(
      Array.from({ length: TTL_KEYS }, (_, i) => ttlError(`${prefix}:ttl:${i}`, urls()[i % 2]!, urls()[(i + 1) % 2]!)),
    );
    return Math.max(...errors);
  }
});

async function ttlError(key: string, writeTo: string, readFrom: string): Promise<number> {
  const asked = performance.now();
  expect((await store(writeTo, key, 'short-lived', TTL_MS / 1000)).status).toBe(200);
  const stored = performance.now();
  let lastSeen = stored;
  for (;;) {
    const asking = performance.now();
    const { status } = await read(readFrom, key);
    const tooEarly = asked + TTL_MS - performance.now();
    const tooLate = lastSeen - stored - TTL_MS;
    if (status === 404) return Math.max(0, tooEarly, tooLate);
    expect(status).toBe(200);
    lastSeen = asking;
    if (tooLate > GIVEN_UP_MS) return tooLate;
    await sleep(POLL_MS);
  }
}

/** The time of the last line that a process has logged, by its own clock, ms. */
function loggedAt(cluster: Cluster, name: string): number {
  const { time } = JSON.parse(cluster.logs(name).at(-1) ?? '{}') as { time?: number | string };
  return new Date(time ?? NaN).getTime();
}

/** Only the wall clock is wrong: timers run as they should. */
function wrongClock(how: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const monotonic = { FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' }; // as older versions call it
  return { LD_PRELOAD: faketime!, ...monotonic, ...how };
}

function libfaketime(): string | undefined {
  const root = '/usr/lib';
  const directories = [root, ...readdirSync(root).map((name) => `${root}/${name}`)];
  return directories.map((directory) => `${directory}/faketime/libfaketime.so.1`).find((path) => existsSync(path));
}

function whyNot(): string | undefined {
  if (programPath('redis-server') === undefined) return 'no redis-server on this machine';
  return faketime === undefined ? 'no libfaketime on this machine (Debian: faketime)' : undefined;
}
