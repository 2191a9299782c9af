import type { DiskOptions } from '../cluster/disks.js';
import type { SimCluster } from '../cluster/cluster.js';
import type { Fault } from '../faults/fault.js';
import type { Losses } from '../faults/scene.js';
import type { History, OperationRecord } from '../workload/history.js';
import { familyOf } from '../workload/keyspace.js';
import { checkCounter } from './counters.js';
import { checkFinalValue, type FinalValue } from './final-values.js';
import { checkLinearizable } from './linearizability.js';
import { afterLosses, partsOf, withoutReadsOfSpanning, withoutSpanning } from './losses.js';
import { checkFalseMisses, checkInvented, checkMonotonic, checkOld, checkRepeated, checkRevived } from './reads.js';
import type { Violation } from './violation.js';

/** What the checks must know of a run. */
export interface CheckContext {
  readonly faults: readonly Fault[];
  readonly finals: ReadonlyMap<string, readonly FinalValue[]>;
  readonly faultsFrom: number;
  readonly skewMs: number;
  /** Nodes hold fewer entries than there are keys. */
  readonly evicts: boolean;
  readonly losses: Losses;
  readonly durability: DiskOptions['durability'] | undefined;
}

/** Adds what the run violated; returns how many keys' linearizability was not decided. */
export function check(history: History, context: CheckContext, violations: Violation[]): number {
  const { faults, finals, faultsFrom, skewMs, evicts, losses, durability } = context;
  const has = (property: keyof Fault): boolean => faults.some((fault) => fault[property] !== undefined);
  const splits = has('splits');
  // What no disk had synced is lost, and may have been seen before.
  const forgottenAt = durability === 'interval' ? losses.power : [];
  const slackMs = splits ? 2 * skewMs + 1 : 0;
  let undecided = 0;
  const byKey = history.byKey();
  for (const [key, records] of byKey) {
    const operations = afterLosses(records, losses.memory, forgottenAt);
    violations.push(...checkInvented(key, operations, splits));
    if (evicts) {
      violations.push(...checkEvicted(key, operations, finals.get(key) ?? [], splits, slackMs));
      continue;
    }
    violations.push(...checkRepeated(key, withoutSpanning(operations, losses.memory)));
    const current = operations.filter(({ mayBeBehind }) => mayBeBehind !== true);
    // While two nodes act for a slot one of them may be behind: what it says is old, not wrong for ever.
    if (!splits) {
      for (const part of partsOf(current, forgottenAt)) violations.push(...checkMonotonic(key, part));
      violations.push(...checkRevived(key, current));
    }
    const partedAt = has('parts') ? faultsFrom : Infinity;
    violations.push(...checkFalseMisses(key, splits ? current : operations, partedAt));
    const family = familyOf(key);
    for (const final of finals.get(key) ?? []) {
      if (family === 'counter') {
        violations.push(...checkCounter(key, operations, final.value, !splits));
      } else if (family !== 'expiring' || !has('movesClocks')) {
        violations.push(...checkFinalValue(key, withoutReadsOfSpanning(operations, losses.memory), final, slackMs));
      }
    }
    if (family === 'expiring') continue;
    const stableUntil = splits ? faultsFrom : Math.min(...forgottenAt);
    const stable = stableUntil === Infinity ? current : current.flatMap((record) => before(stableUntil, record));
    const result = checkLinearizable(key, stable);
    violations.push(...result.violations);
    if (result.undecided) undecided++;
  }
  return undecided;
}

/** An entry that was evicted may be missing; an older one in its place may not. */
function checkEvicted(
  key: string,
  operations: readonly OperationRecord[],
  finals: readonly FinalValue[],
  splits: boolean,
  slackMs: number,
): Violation[] {
  if (familyOf(key) === 'counter') return []; // its values are not unique
  const present = finals.filter(({ value }) => value !== null);
  return [
    ...(splits ? [] : checkOld(key, operations)),
    ...present.flatMap((final) => checkFinalValue(key, operations, final, slackMs)),
  ];
}

/** The operation as it was known at a time. */
function before(time: number, record: OperationRecord): OperationRecord[] {
  if (record.invokedAt >= time) return [];
  return [record.completedAt < time ? record : { ...record, completedAt: Infinity, outcome: 'unknown' }];
}

/**
 * Of keys that nobody deletes a tombstone is the trace of an evicted entry, which an owner may have been behind on: it is
 * older than the entry, and none of the owners keeps what is older than the trace.
 */
export function strayTombstones(cluster: SimCluster, history: History): Violation[] {
  const violations: Violation[] = [];
  const byKey = history.byKey();
  const contents = cluster.contents();
  for (const { id, entries } of contents) {
    for (const [key, { value, version }] of entries) {
      const family = familyOf(key);
      if (value !== undefined || (family !== 'plain' && family !== 'counter')) continue;
      if (version > newestOf(byKey.get(key) ?? [])) {
        const text = `${id} has a tombstone ${version}, newer than all that was written`;
        violations.push({ check: 'tombstone', key, text });
      }
      for (const other of contents) {
        const copy = other.entries.get(key);
        if (copy?.value === undefined || copy.version > version) continue;
        const text = `${id} has evicted ${version}, and ${other.id} still has ${copy.version}`;
        violations.push({ check: 'tombstone', key, text });
      }
    }
  }
  return violations;
}

/** The highest version of a key that clients saw; above all others where a write may have had a higher one. */
function newestOf(operations: readonly OperationRecord[]): string {
  if (operations.some(({ outcome }) => outcome === 'unknown' || outcome === 'pending')) return '~';
  return operations.reduce((newest, { version = '' }) => (version > newest ? version : newest), '');
}
