import type { OperationRecord } from '../workload/history.js';
import type { Violation } from './violation.js';

/**
 * Increments add up: the end is the sum of those acknowledged, plus any of those that may have happened. With
 * `exactly` false (two nodes may have acted for a slot at once) only what nobody can explain is a violation: more than all.
 */
export function checkCounter(
  key: string,
  operations: readonly OperationRecord[],
  final: string | null,
  exactly: boolean,
): Violation[] {
  let certain = 0;
  let possible = 0;
  for (const { kind, outcome, by = 0 } of operations) {
    if (kind !== 'increment') continue;
    if (outcome === 'ok') certain += by;
    else if (outcome !== 'fail') possible += by;
  }
  const value = Number(final ?? 0);
  const most = certain + possible;
  if (value <= most && (value >= certain || !exactly)) return [];
  const text = `ends at ${final ?? 'nothing'}, after acknowledged increments of ${certain} and possible ones of ${possible}`;
  return [{ check: 'counter', key, text }];
}
