import { familyOf } from '../workload/keyspace.js';
import { describe, type OperationRecord } from '../workload/history.js';
import type { Violation } from './violation.js';

/** Every value read was written to that key, by an operation that was not refused, before the read ended. */
export function checkInvented(key: string, operations: readonly OperationRecord[]): Violation[] {
  if (familyOf(key) === 'counter') return []; // its values are sums: see checkCounter
  const writers = new Map(operations.filter(({ value }) => value !== undefined).map((write) => [write.value, write]));
  const violations: Violation[] = [];
  for (const read of operations) {
    if (read.kind !== 'get' || typeof read.read !== 'string') continue;
    const writer = writers.get(read.read);
    if (writer === undefined || writer.invokedAt > read.completedAt) {
      violations.push({ check: 'invented', key, text: `${describe(read)}: nobody wrote it` });
    } else if (writer.outcome === 'fail') {
      violations.push({ check: 'invented', key, text: `${describe(read)}: it was refused: ${describe(writer)}` });
    }
  }
  return violations;
}

/** Within a session the versions that it sees of a key never go down, its own writes included. */
export function checkMonotonic(key: string, operations: readonly OperationRecord[]): Violation[] {
  const newest = new Map<string, OperationRecord>();
  const violations: Violation[] = [];
  for (const operation of operations) {
    const { session, version, outcome } = operation;
    if (outcome !== 'ok' || version === undefined) continue;
    const before = newest.get(session);
    if (before !== undefined && version < before.version!) {
      violations.push({ check: 'monotonic', key, text: `${describe(operation)} after ${describe(before)}` });
    } else {
      newest.set(session, operation);
    }
  }
  return violations;
}

/** A key that nobody ever deletes, and that does not expire, is never absent once a write of it was acknowledged. */
export function checkFalseMisses(key: string, operations: readonly OperationRecord[]): Violation[] {
  const family = familyOf(key);
  if (family !== 'plain' && family !== 'counter') return [];
  const writes = operations.filter(({ kind, outcome }) => kind !== 'get' && outcome === 'ok');
  const first = writes.reduce<OperationRecord | undefined>(
    (best, write) => (best === undefined || write.completedAt < best.completedAt ? write : best),
    undefined,
  );
  if (first === undefined) return [];
  return operations
    .filter(({ kind, read, invokedAt }) => kind === 'get' && read === null && invokedAt > first.completedAt)
    .slice(0, 1)
    .map((read) => ({ check: 'lost', key, text: `${describe(read)} after ${describe(first)}` }));
}

/**
 * No operation takes effect twice: one value under two versions is harmless only while no acknowledged write lies
 * between them, which the second effect would have undone.
 */
export function checkRepeated(key: string, operations: readonly OperationRecord[]): Violation[] {
  const versions = new Map<string, Set<string>>();
  for (const { kind, value, read, version, outcome } of operations) {
    const seen = kind === 'get' ? read : value;
    if (outcome !== 'ok' || typeof seen !== 'string' || version === undefined) continue;
    const known = versions.get(seen);
    if (known === undefined) versions.set(seen, new Set([version]));
    else known.add(version);
  }
  const violations: Violation[] = [];
  for (const [value, found] of versions) {
    if (found.size < 2) continue;
    const sorted = [...found].sort();
    const between = operations.find(
      (other) =>
        other.kind !== 'get' &&
        other.outcome === 'ok' &&
        other.value !== value &&
        other.version !== undefined &&
        other.version > sorted[0]! &&
        other.version < sorted.at(-1)!,
    );
    if (between !== undefined) {
      const text = `${value} took effect at ${sorted.join(' and ')}, around ${describe(between)}`;
      violations.push({ check: 'repeated', key, text });
    }
  }
  return violations;
}
