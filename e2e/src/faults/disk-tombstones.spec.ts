import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, startTestCluster, temporaryDirectory } from '../cluster.js';
import { call } from '../http.js';
import { AUX, killAll, startAll } from './aux-outage.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { imported, underLoad } from './under-load.js';

jest.setTimeout(600_000);

const KEYS = 1_000;
const AWAY = 'aux-1';
const OTHERS = AUX.filter((name) => name !== AWAY);
/** The shortest that there is. */
const SHORT_RETENTION_MS = 60_000;
const CHECKPOINT_MS = 2_000;
/** Tombstones that are over are dropped now and then. */
const FORGOTTEN_MS = 4_000;
const IMPORT_TIMEOUT_MS = 30_000;
const WATCH_MS = 3_000;

let directory: string;
let cluster: Cluster;
const urls = (): string[] => cluster.masters.map(({ url }) => url);

beforeAll(async () => {
  directory = await temporaryDirectory();
  cluster = await startTestCluster(directory, { masters: 2, aux: 3, replicas: 2, readyTimeoutMs: 120_000 });
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
}, 120_000);

/** Deletes that were made while a disk was away: it must not bring anything back. */
test.each(LENGTH.oldDisks)('a disk comes back %s the retention of tombstones, the others %s', async (when, others) => {
  const beyond = when === 'beyond';
  const env: Record<string, string> = beyond ? { DCS_TOMBSTONE_RETENTION_MS: String(SHORT_RETENTION_MS) } : {};
  await killAll(cluster);
  await startAll(cluster, AUX, env);
  const prefix = `${when}-${others}`;
  const fill = new Fill({ url: urls()[0]!, prefix, keys: KEYS });
  await fill.store();
  await sleep(CHECKPOINT_MS); // they are on all disks
  const keys = Array.from({ length: KEYS }, (_, i) => `${prefix}:${i}`);
  const back: string[] = [];
  const lookUp = async (): Promise<void> => {
    for (const url of urls()) {
      const answer = await call(url, '/data/bulk/get', { json: keys });
      if (answer.status === 200) back.push(...Object.keys(answer.json<Record<string, unknown>>()));
      else if (answer.status !== 503) throw new Error(`${answer.status} ${answer.text}`);
    }
  };
  const fault = `old disk back ${when} the retention of tombstones, the other nodes ${others}`;
  const options = { fault, prefix: `load-${prefix}`, urls: urls(), mayFail: others === 'restart', upAtEnd: AUX };
  await underLoad(options, async () => {
    const awaySince = performance.now();
    await cluster.kill(AWAY);
    await imported(urls(), OTHERS, IMPORT_TIMEOUT_MS);
    const answer = await call(urls()[0]!, '/data/bulk/delete', { json: keys });
    expect(answer.status).toBe(200);
    await sleep(beyond ? SHORT_RETENTION_MS + FORGOTTEN_MS : LENGTH.quietMs);
    const awayMs = performance.now() - awaySince;
    if (others === 'restart') await killAll(cluster);
    const started = startAll(cluster, others === 'restart' ? AUX : [AWAY]);
    let running = true;
    const watching = (async () => {
      while (running) await lookUp();
    })();
    await started;
    await sleep(WATCH_MS);
    running = false;
    await watching;
    await lookUp();
    expect([...new Set(back)]).toEqual([]);
    return { 'keys deleted meanwhile, none back': KEYS, 'it was away': seconds(awayMs) };
  });
});
