import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.js';
import { divergentSlots, isSettled, viewOf } from './copies.js';
import { LENGTH } from './length.js';
import { Load, type LoadReport } from './load.js';
import { measured } from './measured.js';

export interface UnderLoadOptions {
  /** The row of the table. */
  readonly fault: string;
  /** In front of the keys of the load. */
  readonly prefix: string;
  readonly urls: readonly string[];
  /** Of the client, for each call. @defaultValue 0 */
  readonly retries?: number;
  /** Whether requests may fail, as they do when a master dies that they were sent to. @defaultValue false */
  readonly mayFail?: boolean;
  /** Whether reads during the fault, and what deletes say they found, may be of before. @defaultValue false */
  readonly readsMayBeStale?: boolean;
  /** Ids of the nodes that are `up` in the end. */
  readonly upAtEnd?: readonly string[];
}

const SHOWN_FAILURES = 5;
/** How long copies may differ after a fault has healed. */
const CONVERGENCE_MS = 10_000;

/**
 * Runs a fault while a load goes on, waits until the cluster has healed, and expects what holds for every fault: no
 * acknowledged write or delete lost, nothing stale, resurrected, invented or counted twice, all copies equal, and no
 * failed request where the fault allows none. What `fault` returns goes into the table.
 */
export async function underLoad(
  options: UnderLoadOptions,
  fault: (load: Load) => Promise<Readonly<Record<string, number | string>>>,
): Promise<LoadReport> {
  const { prefix, urls, retries = 0, mayFail = false, readsMayBeStale = false } = options;
  const load = Load.start({ urls, prefix, retries, readsMayBeStale });
  let values: Readonly<Record<string, number | string>>;
  try {
    await sleep(LENGTH.quietMs);
    values = await fault(load);
    await sleep(LENGTH.quietMs);
  } finally {
    await load.stop();
  }
  const convergenceMs = await healed(urls, options.upAtEnd);
  const report = await load.report();
  measured(options.fault, {
    operations: report.operations,
    failed: report.failed,
    'lost, stale or resurrected': report.violations.length,
    ...values,
    'ms until all copies are equal': Math.round(convergenceMs),
  });
  for (const failure of report.failures.slice(0, SHOWN_FAILURES)) process.stdout.write(`failed: ${failure}\n`);
  expect(report.violations).toEqual([]);
  if (!mayFail) expect({ failed: report.failed, failures: report.failures }).toEqual({ failed: 0, failures: [] });
  expect(report.acknowledged).toBeGreaterThan(100); // the load was one
  return report;
}

/** Waits until every master sees a settled cluster and all copies are equal; answers how long that took, ms. */
export async function healed(
  urls: readonly string[],
  upAtEnd?: readonly string[],
  timeoutMs = CONVERGENCE_MS,
): Promise<number> {
  const began = performance.now();
  await eventually(
    async () => {
      await settled(urls, upAtEnd);
      expect(await divergentSlots(urls[0]!)).toEqual([]);
    },
    { timeoutMs },
  );
  return performance.now() - began;
}

/** Waits until every master sees these nodes, all of them with everything that they own; answers how long that took, ms. */
export async function imported(urls: readonly string[], up: readonly string[], timeoutMs: number): Promise<number> {
  const began = performance.now();
  await eventually(() => settled(urls, up), { timeoutMs });
  return performance.now() - began;
}

async function settled(urls: readonly string[], up?: readonly string[]): Promise<void> {
  for (const url of urls) {
    const view = await viewOf(url);
    if (up !== undefined)
      expect(view.nodes.map(({ id, state }) => `${id}:${state}`).sort()).toEqual(up.map((id) => `${id}:up`));
    if (!isSettled(view)) throw new Error(`not settled: ${JSON.stringify(view.nodes)}`);
  }
}
