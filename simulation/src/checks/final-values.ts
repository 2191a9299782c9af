import { describe, isWrite, type OperationRecord } from '../workload/history.js';
import type { Violation } from './violation.js';

/** What is read of a key when everything has healed. */
export interface FinalValue {
  readonly value: string | null;
  readonly version: string | undefined;
  readonly at: number;
}

/** How much clocks and the way differ: when exactly an entry expires is not promised. */
const EXPIRY_TOLERANCE_MS = 300;

/**
 * No acknowledged write or delete is lost, nothing is invented, nothing comes back: what a key holds in the end must be
 * the effect of a write that no acknowledged later one follows.
 *
 * @param slackMs two writes that far apart or less may go either way: how much clocks differ, where two nodes may
 * act for one slot at a time
 */
export function checkFinalValue(
  key: string,
  operations: readonly OperationRecord[],
  final: FinalValue,
  slackMs: number,
): Violation[] {
  const writes = operations.filter(isWrite);
  const acknowledged = writes.filter(({ outcome }) => outcome === 'ok');
  if (final.value !== null) {
    const writer = writes.find(({ value }) => value === final.value);
    if (writer === undefined) {
      return [{ check: 'invented', key, text: `ends as ${final.value}, which nobody wrote` }];
    }
    const later = followerOf(effectiveEnd(writer, operations), acknowledged, slackMs);
    if (later !== undefined) {
      const check = later.kind === 'delete' || later.expiresAt !== undefined ? 'resurrected' : 'lost';
      return [{ check, key, text: `ends as ${describe(writer)}, not as ${describe(later)}` }];
    }
    const greater = acknowledged.find(({ version }) => (version ?? '') > (final.version ?? ''));
    if (greater === undefined) return [];
    return [{ check: 'lost', key, text: `ends at version ${final.version}, after ${describe(greater)}` }];
  }
  // Absent: never written, deleted, or expired.
  const ends = [-Infinity];
  for (const write of writes) {
    const expired = write.expiresAt !== undefined && write.expiresAt <= final.at + EXPIRY_TOLERANCE_MS;
    if (write.outcome !== 'fail' && (write.kind === 'delete' || expired)) ends.push(effectiveEnd(write, operations));
  }
  const last = Math.max(...ends);
  const later = followerOf(
    last,
    acknowledged.filter(
      ({ kind, expiresAt }) => kind !== 'delete' && !(expiresAt !== undefined && expiresAt <= final.at),
    ),
    slackMs,
  );
  return later === undefined ? [] : [{ check: 'lost', key, text: `ends absent, after ${describe(later)}` }];
}

/** Until when a write may take effect: its answer, or the first read that saw it. */
function effectiveEnd(write: OperationRecord, operations: readonly OperationRecord[]): number {
  let end = write.outcome === 'ok' ? write.completedAt : Infinity;
  if (write.value === undefined) return end;
  for (const { kind, read, completedAt } of operations) {
    if (kind === 'get' && read === write.value) end = Math.min(end, completedAt);
  }
  return end;
}

function followerOf(
  end: number,
  acknowledged: readonly OperationRecord[],
  slackMs: number,
): OperationRecord | undefined {
  return acknowledged.find(({ invokedAt }) => invokedAt > end + slackMs);
}
