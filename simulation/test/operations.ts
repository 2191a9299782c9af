import type { OperationRecord } from '../src/workload/history.js';

type Operation = (
  kind: OperationRecord['kind'],
  from: number,
  to: number,
  rest?: Partial<OperationRecord>,
) => OperationRecord;

/** Makes operations on a key, of session `s`, that were answered; fields given win. */
export function operationsOn(key: string): Operation {
  let id = 0;
  return (kind, from, to, rest = {}) => ({
    id: id++,
    session: 's',
    key,
    kind,
    invokedAt: from,
    completedAt: to,
    outcome: 'ok',
    ...rest,
  });
}
