import { familyOf } from '../workload/keyspace.js';
import { describe, type OperationRecord } from '../workload/history.js';
import type { Violation } from './violation.js';

/**
 * Every value read was written to that key before the read ended, by an operation that was not refused.
 *
 * @param refusalsMayApply a refusal may answer a second attempt, after a first one that is still on its way to another node
 */
export function checkInvented(
  key: string,
  operations: readonly OperationRecord[],
  refusalsMayApply: boolean,
): Violation[] {
  if (familyOf(key) === 'counter') return []; // its values are sums: see checkCounter
  const writers = new Map(operations.filter(({ value }) => value !== undefined).map((write) => [write.value, write]));
  const violations: Violation[] = [];
  for (const read of operations) {
    if (read.kind !== 'get' || typeof read.read !== 'string') continue;
    const writer = writers.get(read.read);
    if (writer === undefined || writer.invokedAt > read.completedAt) {
      violations.push({ check: 'invented', key, text: `${describe(read)}: nobody wrote it` });
    } else if (writer.outcome === 'fail' && !refusalsMayApply) {
      violations.push({ check: 'invented', key, text: `${describe(read)}: it was refused: ${describe(writer)}` });
    }
  }
  return violations;
}

/**
 * Within a session the versions that it sees of a key never go down, its own writes included. Keys that expire begin
 * anew when they are forgotten, and where a clock was ahead that may be with a lesser version: see {@link checkRevived}.
 */
export function checkMonotonic(key: string, operations: readonly OperationRecord[]): Violation[] {
  if (familyOf(key) === 'expiring') return [];
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

/**
 * A key that nobody ever deletes, and that does not expire, is never absent once a write of it was acknowledged.
 *
 * @param partedAt from then on an owner may not have a new key for a while: only what was acknowledged before counts
 */
export function checkFalseMisses(
  key: string,
  operations: readonly OperationRecord[],
  partedAt = Infinity,
): Violation[] {
  const family = familyOf(key);
  if (family !== 'plain' && family !== 'counter') return [];
  const writes = operations.filter(
    ({ kind, outcome, completedAt }) => kind !== 'get' && outcome === 'ok' && completedAt < partedAt,
  );
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

/** What is read was not overwritten or deleted by an acknowledged write, begun after it was done, before the read began. */
export function checkOld(key: string, operations: readonly OperationRecord[]): Violation[] {
  const writes = operations.filter(({ kind, outcome }) => kind !== 'get' && outcome === 'ok');
  const byValue = new Map(writes.map((write) => [write.value, write]));
  const violations: Violation[] = [];
  for (const read of operations) {
    const writer = read.kind === 'get' && typeof read.read === 'string' ? byValue.get(read.read) : undefined;
    if (writer === undefined) continue;
    const later = writes.find(
      ({ invokedAt, completedAt }) => invokedAt > writer.completedAt && completedAt < read.invokedAt,
    );
    if (later === undefined) continue;
    violations.push({ check: 'old', key, text: `${describe(read)} after ${describe(later)}` });
  }
  return violations;
}

/** Of a key that expires: an entry that another took the place of does not come back when that one expires. */
export function checkRevived(key: string, operations: readonly OperationRecord[]): Violation[] {
  if (familyOf(key) !== 'expiring') return [];
  const sets = operations.filter(({ kind, outcome }) => kind === 'set' && outcome === 'ok');
  const byValue = new Map(sets.map((set) => [set.value, set]));
  const violations: Violation[] = [];
  for (const read of operations) {
    const writer = typeof read.read === 'string' ? byValue.get(read.read) : undefined;
    if (read.kind !== 'get' || writer === undefined) continue;
    const later = sets.find(
      ({ invokedAt, completedAt }) => invokedAt > writer.completedAt && completedAt < read.invokedAt,
    );
    if (later !== undefined) {
      violations.push({ check: 'resurrected', key, text: `${describe(read)} after ${describe(later)}` });
    }
  }
  return violations;
}

/**
 * No operation takes effect twice: one value under two versions is harmless only while no acknowledged write lies
 * between them, begun after the first effect was seen, which the second effect has undone.
 */
export function checkRepeated(key: string, operations: readonly OperationRecord[]): Violation[] {
  if (familyOf(key) === 'counter') return []; // its values are not unique
  const effects = new Map<string, { readonly version: string; readonly seenAt: number }>();
  const violations: Violation[] = [];
  const answered = operations.filter(({ outcome }) => outcome === 'ok').sort((a, b) => a.completedAt - b.completedAt);
  for (const operation of answered) {
    const { kind, value, read, version, completedAt } = operation;
    const seen = kind === 'get' ? read : value;
    if (typeof seen !== 'string' || version === undefined) continue;
    const first = effects.get(seen);
    if (first === undefined) {
      effects.set(seen, { version, seenAt: completedAt });
      continue;
    }
    const between = answered.find(
      (other) =>
        other.kind !== 'get' &&
        other.value !== seen &&
        other.version !== undefined &&
        other.invokedAt > first.seenAt &&
        other.version > first.version &&
        other.version < version,
    );
    if (between !== undefined) {
      const text = `${describe(operation)} took effect at ${first.version} before, and undid ${describe(between)}`;
      violations.push({ check: 'repeated', key, text });
    }
  }
  return violations;
}
