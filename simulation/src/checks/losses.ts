import { isWrite, type OperationRecord } from '../workload/history.js';

/** What `interval` may lose, by its promise. */
const INTERVAL_MS = 1000;
/** An answer that had left its node when the power was cut arrives within this time. */
const ON_ITS_WAY_MS = 100;

/**
 * The history of a key as far as it is promised to hold after losses.
 *
 * - What nodes remember of operations is gone with the last of their processes: another attempt of a write that was
 *   under way may take effect once more, be refused because of the first, or answer wrongly whether the key was there.
 *   So each of them gets a companion that may have happened.
 * - A write that was acknowledged less than an interval before a power cut that all disks saw may have happened.
 *
 * @param memoryLostAt times at which all processes were gone
 * @param forgottenAt times of power cuts whose last interval is lost
 */
export function afterLosses(
  operations: readonly OperationRecord[],
  memoryLostAt: readonly number[],
  forgottenAt: readonly number[],
): OperationRecord[] {
  return operations.flatMap((operation) => {
    if (!isWrite(operation)) return [operation];
    const { invokedAt, completedAt, outcome } = operation;
    const maybe: OperationRecord = { ...operation, outcome: 'unknown', completedAt: Infinity };
    const isForgotten = forgottenAt.some(
      (at) => invokedAt <= at && completedAt > at - INTERVAL_MS && completedAt < at + ON_ITS_WAY_MS,
    );
    const first = outcome === 'ok' && isForgotten ? maybe : operation;
    return spans(operation, memoryLostAt) ? [{ ...first, answer: undefined }, maybe] : [first];
  });
}

/** Without those that may have taken effect twice. */
export function withoutSpanning(operations: readonly OperationRecord[], lostAt: readonly number[]): OperationRecord[] {
  const values = new Set(operations.filter((operation) => spans(operation, lostAt)).map(({ value }) => value));
  return operations.filter(({ kind, value, read }) => !values.has((kind === 'get' ? read : value) ?? ''));
}

/** Without the reads of those: what was read of them already may take effect once more. */
export function withoutReadsOfSpanning(
  operations: readonly OperationRecord[],
  lostAt: readonly number[],
): OperationRecord[] {
  const kept = new Set(withoutSpanning(operations, lostAt));
  return operations.filter((operation) => isWrite(operation) || kept.has(operation));
}

/** The history between the losses, in which time does not go back. */
export function partsOf(operations: readonly OperationRecord[], lostAt: readonly number[]): OperationRecord[][] {
  const times = [-Infinity, ...lostAt, Infinity];
  return times
    .slice(1)
    .map((end, i) => operations.filter(({ invokedAt, completedAt }) => invokedAt > times[i]! && completedAt <= end));
}

function spans(operation: OperationRecord, lostAt: readonly number[]): boolean {
  const { invokedAt, completedAt } = operation;
  return isWrite(operation) && lostAt.some((at) => invokedAt <= at && completedAt >= at);
}
