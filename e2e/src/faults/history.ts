/** What became of a write: `unknown` is a timeout, a lost connection or a 5xx; it may have happened. */
export type Outcome = 'ok' | 'unknown';

/** What was acknowledged after `since` may be undone: the power was cut, or a backup is of that time. */
export interface Rollback {
  readonly kind: 'rollback';
  readonly since: number;
}

/** When an event was over, on the clock of `performance.now()`; left out where nothing is rolled back. */
interface Timed {
  readonly at?: number;
}

/** What the one client that uses a key did with it and saw of it, in order. */
export type RegisterEvent = Rollback | (Timed & RegisterOperation);

type RegisterOperation =
  | { readonly kind: 'write'; readonly value: string; readonly outcome: Outcome }
  /** `found`: whether the answer said that there was something to delete. */
  | { readonly kind: 'delete'; readonly outcome: Outcome; readonly found?: boolean }
  /** `undefined` is a 404; a read without an answer is no event. `final`: after the faults, with nothing under way. */
  | { readonly kind: 'read'; readonly value: string | undefined; readonly final?: boolean };

/** Increments by one of a counter that one client uses. */
export type CounterEvent = Rollback | (Timed & CounterOperation);

type CounterOperation =
  | { readonly kind: 'increment'; readonly outcome: 'ok'; readonly value: number }
  | { readonly kind: 'increment'; readonly outcome: 'unknown' }
  | { readonly kind: 'read'; readonly value: number | undefined; readonly final?: boolean };

/** Increments by one of a counter that many clients use at the same time. */
export interface SharedCounterHistory {
  /** The values that acknowledged increments answered. */
  readonly acknowledged: readonly number[];
  /** Increments that may have happened. */
  readonly unknown: number;
  /** Acknowledged increments that may be undone. @defaultValue 0 */
  readonly mayBeUndone?: number;
  /** What was read when all was over. */
  readonly final: number | undefined;
}

export type ViolationKind = 'lost' | 'stale' | 'resurrected' | 'invented' | 'duplicated';

export interface Violation {
  readonly key: string;
  readonly kind: ViolationKind;
  readonly detail: string;
}
