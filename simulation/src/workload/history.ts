export type OperationKind = 'set' | 'add' | 'cas' | 'delete' | 'get' | 'increment';

/** `ok`: done and answered. `fail`: answered that it was not done. `unknown`: it may have been done, or may yet be. */
export type Outcome = 'pending' | 'ok' | 'fail' | 'unknown';

/** What a client saw of one of its operations; times on the world's clock, ms. */
export interface OperationRecord {
  readonly id: number;
  readonly session: string;
  readonly key: string;
  readonly kind: OperationKind;
  readonly invokedAt: number;
  /** Infinity while it is not answered. */
  completedAt: number;
  outcome: Outcome;
  /** Written by a set, add or compare-and-set: unique in the run. */
  readonly value?: string | undefined;
  /** True time from which the written entry has expired; 0 = never. */
  readonly expiresAt?: number | undefined;
  /** The version a compare-and-set expects. */
  readonly expected?: string | undefined;
  readonly by?: number | undefined;
  /** A read that may miss a write that another one has seen, until that is acknowledged. */
  readonly mayBeBehind?: boolean | undefined;
  /** Of an increment: its `Idempotency-Key`. */
  readonly token?: string | undefined;
  /** What a get saw (null: nothing), or the number that an increment answered. */
  read?: string | null | undefined;
  /** Of what was read or written, where the answer tells. */
  version?: string | undefined;
  /** A set or add: whether the key was absent; a delete: whether it was there. */
  answer?: boolean | undefined;
  error?: string | undefined;
}

export class History {
  readonly operations: OperationRecord[] = [];

  begin(
    operation: Pick<
      OperationRecord,
      'session' | 'key' | 'kind' | 'invokedAt' | 'value' | 'expiresAt' | 'expected' | 'by' | 'mayBeBehind' | 'token'
    >,
  ): OperationRecord {
    const record: OperationRecord = {
      ...operation,
      id: this.operations.length,
      completedAt: Infinity,
      outcome: 'pending',
    };
    this.operations.push(record);
    return record;
  }

  byKey(): Map<string, OperationRecord[]> {
    const result = new Map<string, OperationRecord[]>();
    for (const operation of this.operations) {
      const list = result.get(operation.key);
      if (list === undefined) result.set(operation.key, [operation]);
      else list.push(operation);
    }
    return result;
  }
}

export function isWrite({ kind }: OperationRecord): boolean {
  return kind !== 'get';
}

/** One line for people. */
export function describe(operation: OperationRecord): string {
  const { id, session, key, kind, invokedAt, completedAt, outcome, value, read, version, by, expected, error } =
    operation;
  const parts = [
    `#${id} ${session} ${kind} ${key}`,
    value === undefined ? '' : `= ${value}`,
    by === undefined ? '' : `by ${by}`,
    expected === undefined ? '' : `if ${expected}`,
    `[${invokedAt.toFixed(1)}, ${completedAt.toFixed(1)}] ${outcome}`,
    read === undefined ? '' : `-> ${read ?? 'absent'}`,
    version === undefined ? '' : `@${version}`,
    operation.answer === undefined ? '' : `(${operation.answer})`,
    error ?? '',
  ];
  return parts.filter((part) => part !== '').join(' ');
}
