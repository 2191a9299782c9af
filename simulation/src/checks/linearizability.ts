import { describe, type OperationRecord } from '../workload/history.js';
import type { Violation } from './violation.js';

/** Absent, or what was written last. */
type State = string | null;

/** Search steps before a history is given up as undecided. */
const MAX_STEPS = 50_000;

export interface LinearizabilityResult {
  readonly violations: readonly Violation[];
  /** The search was given up. */
  readonly undecided: boolean;
}

/**
 * Whether there is an order of the operations on one key, each between its invocation and its answer, in which every
 * answer is right. Depth-first search over the operations that may come next, remembering the configurations seen
 * (Wing and Gong 1993; Lowe 2017). Operations of unknown outcome may come anywhere after their invocation, or never.
 *
 * Exponential in the number of concurrent operations in the worst case; bounded by {@link MAX_STEPS}.
 */
export function checkLinearizable(key: string, history: readonly OperationRecord[]): LinearizabilityResult {
  const operations = history
    .filter(({ kind, outcome }) => !(kind === 'get' && outcome !== 'ok'))
    .sort((a, b) => a.invokedAt - b.invokedAt || a.id - b.id);
  const search = new Search(operations);
  const found = search.run();
  if (found !== false) return { violations: [], undecided: found === undefined };
  const stuck = operations[search.deepest];
  const text = `no order explains ${operations.length} operations; stuck near ${stuck === undefined ? '' : describe(stuck)}`;
  return { violations: [{ check: 'linearizable', key, text }], undecided: false };
}

class Search {
  /** Of the operations that had to be placed, the first that never could be. */
  deepest = 0;
  readonly #operations: readonly OperationRecord[];
  readonly #ends: readonly number[];
  readonly #valueOf = new Map<string, string>();
  readonly #seen = new Set<string>();
  readonly #placed: Uint8Array;
  #steps = 0;

  constructor(operations: readonly OperationRecord[]) {
    this.#operations = operations;
    this.#ends = operations.map(({ outcome, completedAt }) =>
      outcome === 'ok' || outcome === 'fail' ? completedAt : Infinity,
    );
    this.#placed = new Uint8Array(operations.length);
    for (const { kind, outcome, version, value, read } of operations) {
      const known = kind === 'get' || kind === 'increment' ? read : value;
      if (outcome === 'ok' && version !== undefined && typeof known === 'string') this.#valueOf.set(version, known);
    }
  }

  /** True: there is an order; false: there is none; undefined: given up. */
  run(): boolean | undefined {
    return this.#place(0, null);
  }

  #place(first: number, state: State): boolean | undefined {
    while (this.#placed[first] === 1) first++;
    this.deepest = Math.max(this.deepest, first);
    let limit = Infinity;
    for (let i = first; i < this.#ends.length && this.#operations[i]!.invokedAt <= limit; i++) {
      if (this.#placed[i] === 0) limit = Math.min(limit, this.#ends[i]!);
    }
    if (limit === Infinity) return true;
    if (++this.#steps > MAX_STEPS) return undefined;
    if (!this.#isNew(first, state)) return false;
    for (let i = first; i < this.#operations.length && this.#operations[i]!.invokedAt <= limit; i++) {
      if (this.#placed[i] === 1) continue;
      const next = this.#apply(this.#operations[i]!, state);
      if (next === undefined) continue;
      this.#placed[i] = 1;
      const found = this.#place(first, next);
      if (found !== false) return found;
      this.#placed[i] = 0;
    }
    return false;
  }

  #isNew(first: number, state: State): boolean {
    let configuration = `${first}|${state ?? ''}|${state === null ? 0 : 1}|`;
    for (let i = first; i < this.#placed.length; i++) if (this.#placed[i] === 1) configuration += `${i},`;
    if (this.#seen.has(configuration)) return false;
    this.#seen.add(configuration);
    return true;
  }

  /** The state after the operation; undefined when its answer would be wrong in `state`. */
  #apply(operation: OperationRecord, state: State): State | undefined {
    const { kind, outcome, value, answer, read } = operation;
    const certain = outcome === 'ok';
    const answered = certain ? answer : undefined;
    switch (kind) {
      case 'get':
        return read === state ? state : undefined;
      case 'delete':
        if (outcome === 'fail') return state;
        return answered === (state === null) ? undefined : null;
      case 'increment': {
        if (outcome === 'fail') return state;
        const after = String(Number(state ?? 0) + operation.by!);
        return certain && read !== after ? undefined : after;
      }
      case 'set':
        if (outcome === 'fail') return state;
        return answered === (state !== null) ? undefined : value!;
      case 'add':
      case 'cas': {
        const holds = kind === 'add' ? state === null : this.#holds(operation.expected!, state);
        if (outcome === 'fail') return holds === true ? undefined : state;
        if (certain) return holds === false ? undefined : value!;
        return holds === false ? state : value!;
      }
    }
  }

  /** Undefined: nothing that was seen tells. */
  #holds(expected: string, state: State): boolean | undefined {
    if (state === null) return false;
    const value = this.#valueOf.get(expected);
    return value === undefined ? undefined : value === state;
  }
}
