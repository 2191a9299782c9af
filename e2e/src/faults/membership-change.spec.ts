import { SLOT_COUNT, type SlotTable } from '@dcs/consistent-hash';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, useCluster } from '../cluster.js';
import { call } from '../http.js';
import { parseExposition, sumOf } from '../prometheus-text.js';
import { tableOf, viewOf } from './copies.js';
import { Fill } from './fill.js';
import { LENGTH } from './length.js';
import { seconds } from './measured.js';
import { imported, underLoad } from './under-load.js';

jest.setTimeout(600_000);

const REPLICAS = 2;
const MOVED_LIMIT = 1.1;
const IMPORT_TIMEOUT_MS = 60_000;

const cluster = useCluster({ masters: 2, aux: 3, replicas: REPLICAS });
const urls = () => cluster().masters.map(({ url }) => url);

test('add two aux, then remove two', async () => {
  const fill = new Fill({ url: urls()[0]!, prefix: 'fill', keys: LENGTH.keys });
  await fill.store();
  const fault = 'add two aux, then remove two';
  const shares: number[] = [];
  let received = 0;
  let ideal = 0;
  await underLoad({ fault, prefix: 'changes', urls: urls(), upAtEnd: ['aux-1', 'aux-2', 'aux-3'] }, async () => {
    const began = performance.now();
    let up = ['aux-1', 'aux-2', 'aux-3'];
    const step = async (upNext: readonly string[], change: () => Promise<unknown>): Promise<void> => {
      const before = tableOf(await viewOf(urls()[0]!));
      const receivedBefore = await entriesReceived(cluster());
      await change();
      await imported(urls(), upNext, IMPORT_TIMEOUT_MS);
      const after = tableOf(await viewOf(urls()[0]!));
      const least = (REPLICAS * SLOT_COUNT) / Math.max(up.length, upNext.length);
      shares.push(newCopies(before, after) / least);
      ideal += (REPLICAS * LENGTH.keys) / Math.max(up.length, upNext.length);
      const now = await entriesReceived(cluster());
      for (const [id, count] of now) received += count - (receivedBefore.get(id) ?? 0);
      up = [...upNext];
      await sleep(LENGTH.quietMs);
    };
    await step([...up, 'aux-4'], () => cluster().addAux());
    await step([...up, 'aux-5'], () => cluster().addAux());
    await step(up.slice(0, 4), () => cluster().kill('aux-5', 'SIGTERM'));
    await step(up.slice(0, 3), () => cluster().kill('aux-4', 'SIGTERM'));
    return {
      'x the ideal share of slots moved, at most': Math.max(...shares).toFixed(3),
      'x the ideal share of entries sent': (received / ideal).toFixed(3),
      'for four changes': seconds(performance.now() - began),
    };
  });
  expect(Math.max(...shares)).toBeLessThanOrEqual(MOVED_LIMIT);
  expect(received / ideal).toBeLessThanOrEqual(MOVED_LIMIT);
  for (const url of urls()) expect(await fill.lost(url)).toEqual([]);
});

/** Copies of slots at nodes that had none before. */
function newCopies(before: SlotTable, after: SlotTable): number {
  let count = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    for (const id of after.ownersOf(slot)) if (!before.isOwner(id, slot)) count++;
  }
  return count;
}

/** Entries that each running node has imported since it was started. */
async function entriesReceived({ aux }: Cluster): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name, host, httpPort } of aux) {
    const { text } = await call(`http://${host}:${httpPort}`, '/metrics');
    counts.set(name, sumOf(parseExposition(text), 'dcs_handoff_entries_received_total'));
  }
  return counts;
}
