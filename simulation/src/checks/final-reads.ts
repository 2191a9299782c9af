import type { SimCluster } from '../cluster/cluster.js';
import type { FinalValue } from './final-values.js';
import type { Violation } from './violation.js';

const TIMEOUT_MS = 15_000;
const RETRY_MS = 100;

/** Reads every key through every gateway, until each has answered. */
export async function readAll(
  cluster: SimCluster,
  keys: readonly string[],
  violations: Violation[],
): Promise<Map<string, FinalValue[]>> {
  const { kernel } = cluster.world;
  const finals = new Map<string, FinalValue[]>(keys.map((key) => [key, []]));
  let outstanding = 0;
  for (const gateway of cluster.gateways) {
    for (const key of keys) {
      outstanding++;
      const read = (): void => {
        const { plane, process } = gateway;
        if (plane === undefined) return;
        kernel.at(kernel.now, process, 'final', () => {
          plane.get(key).then(
            (entry) => {
              finals.get(key)!.push({ value: entry?.value ?? null, version: entry?.version, at: kernel.now });
              outstanding--;
            },
            () => process.after(RETRY_MS, read),
          );
        });
      };
      read();
    }
  }
  if (!(await cluster.runUntil(() => outstanding === 0, TIMEOUT_MS))) {
    violations.push({ check: 'converged', key: '', text: `${outstanding} final reads were not answered` });
  }
  return finals;
}
