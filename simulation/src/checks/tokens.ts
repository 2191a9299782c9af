import type { SimCluster } from '../cluster/cluster.js';
import type { History, OperationRecord } from '../workload/history.js';
import type { Violation } from './violation.js';

const TIMEOUT_MS = 15_000;
const RETRY_MS = 100;

/**
 * Repeats every acknowledged increment with its token, through the gateways in turn, whatever became of the nodes that
 * did it: it must answer what it answered, and count no further (which the check of the counter sees afterwards).
 *
 * @param since what nodes remembered of operations begun before went with their processes
 */
export async function repeatIncrements(cluster: SimCluster, history: History, since: number): Promise<Violation[]> {
  const { kernel } = cluster.world;
  const violations: Violation[] = [];
  const acknowledged = history.operations.filter(
    ({ kind, outcome, invokedAt }) => kind === 'increment' && outcome === 'ok' && invokedAt > since,
  );
  let outstanding = acknowledged.length;
  const answered = ({ key, read }: OperationRecord, value: number): void => {
    outstanding--;
    if (String(value) === read) return;
    violations.push({ check: 'token', key, text: `an increment that answered ${read} answers ${value} when repeated` });
  };
  acknowledged.forEach((record, i) => {
    const { process, plane } = cluster.gateways[i % cluster.gateways.length]!;
    const { key, by = 0, token = '' } = record;
    const repeat = (): void => {
      plane?.increment(key, { by, initial: 0, expiresAt: 0, token }).then(
        ({ value }) => answered(record, value),
        () => process.after(RETRY_MS, repeat),
      );
    };
    kernel.at(kernel.now, process, 'repeat', repeat);
  });
  if (!(await cluster.runUntil(() => outstanding === 0, TIMEOUT_MS))) {
    violations.push({ check: 'converged', key: '', text: `${outstanding} repeated increments were not answered` });
  }
  return violations;
}
