import { setTimeout as sleep } from 'node:timers/promises';
import { useCluster } from '../cluster.js';
import { eventually } from '../eventually.js';
import { upNodes, viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { healed, underLoad } from './under-load.js';

jest.setTimeout(600_000);

/** Slow enough that a handoff is still under way when something is killed. */
const VALUE_BYTES = 200;
const NEWCOMERS_SHARE = 2 / 4; // two copies over four nodes
/** Holds all keys on each node. */
const MAX_BYTES = 512 * 2 ** 20;
const HEALING_MS = 60_000;

const bytesPerSecond = Math.round((LENGTH.handoffKeys * VALUE_BYTES * NEWCOMERS_SHARE) / 3 / (LENGTH.handoffMs / 1000));

const cluster = useCluster({
  masters: 2,
  aux: 3,
  replicas: 2,
  env: { DCS_HANDOFF_BYTES_PER_SECOND: String(bytesPerSecond), DCS_MAX_BYTES: String(MAX_BYTES) },
});
const urls = () => cluster().masters.map(({ url }) => url);
let fill: Fill;

beforeAll(async () => {
  fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.handoffKeys, valueBytes: VALUE_BYTES });
  await fill.store();
}, 120_000);

/** A newcomer is in the view, has begun to import, and has not finished. */
async function inTheMiddle(id: string): Promise<number> {
  return eventually(
    async () => {
      const node = upNodes(await viewOf(urls()[0]!)).find((each) => each.id === id);
      const left = node?.stats?.handoff.slotsToGo ?? 0;
      const received = node?.stats?.entries ?? 0;
      expect(left).toBeGreaterThan(100);
      expect(received).toBeGreaterThan(100);
      return left;
    },
    { timeoutMs: 30_000, intervalMs: 20 },
  );
}

async function isWhole(): Promise<void> {
  for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
}

/** Starts one more aux, kills `victim` while that one imports, and starts it again. */
async function killedInTheMiddle(what: string, newcomer: string, victim: string, upAtEnd: string[]): Promise<void> {
  const fault = `kill ${what} in the middle of a handoff`;
  await underLoad({ fault, prefix: what.replaceAll(' ', '-'), urls: urls(), mayFail: true, upAtEnd }, async () => {
    const starting = cluster()
      .addAux()
      .catch((error: Error) => error);
    const left = await inTheMiddle(newcomer);
    await cluster().kill(victim);
    await sleep(LENGTH.quietMs);
    await starting;
    await cluster().start(victim);
    await healed(urls(), upAtEnd, HEALING_MS);
    return { 'slots still to go when it was killed': left };
  });
  await isWhole();
}

test('kill the target of a handoff', () =>
  killedInTheMiddle('the target', 'aux-4', 'aux-4', ['aux-1', 'aux-2', 'aux-3', 'aux-4']));

test('kill a source of a handoff', () =>
  killedInTheMiddle('a source', 'aux-5', 'aux-1', ['aux-1', 'aux-2', 'aux-3', 'aux-4', 'aux-5']));

test('kill a master during a handoff', () =>
  killedInTheMiddle('a master', 'aux-6', 'master-2', ['aux-1', 'aux-2', 'aux-3', 'aux-4', 'aux-5', 'aux-6']));
