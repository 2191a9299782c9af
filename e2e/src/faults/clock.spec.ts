import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
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
    await cluster.start(name, {
      LD_PRELOAD: faketime,
      FAKETIME: `${offset}s`,
      FAKETIME_DONT_FAKE_MONOTONIC: '1', // only the wall clock is wrong: timers run as they should
      DONT_FAKE_MONOTONIC: '1', // the same, as older versions call it
    });
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

function libfaketime(): string | undefined {
  const root = '/usr/lib';
  const directories = [root, ...readdirSync(root).map((name) => `${root}/${name}`)];
  return directories.map((directory) => `${directory}/faketime/libfaketime.so.1`).find((path) => existsSync(path));
}

function whyNot(): string | undefined {
  if (programPath('redis-server') === undefined) return 'no redis-server on this machine';
  return faketime === undefined ? 'no libfaketime on this machine (Debian: faketime)' : undefined;
}
