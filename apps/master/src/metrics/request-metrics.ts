export const OPERATIONS = [
  'get',
  'head',
  'set',
  'put',
  'delete',
  'increment',
  'touch',
  'bulk_set',
  'bulk_get',
  'bulk_delete',
] as const;
export type OperationName = (typeof OPERATIONS)[number];

export const OUTCOMES = ['ok', 'not_found', 'rejected', 'unavailable', 'error'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Upper bounds in seconds; a cache answers in fractions of a millisecond. */
export const DURATION_BUCKETS = [
  0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
] as const;

const MS_PER_SECOND = 1000;
const BUCKETS_MS = DURATION_BUCKETS.map((seconds) => seconds * MS_PER_SECOND);
/** One more for what is beyond the last bound. */
const WIDTH = DURATION_BUCKETS.length + 1;

/**
 * Counts and durations of the data calls, in typed arrays: an update is a few additions, and labels are only made when
 * somebody scrapes.
 */
export class RequestMetrics {
  readonly #outcomes = new Float64Array(OPERATIONS.length * OUTCOMES.length);
  readonly #buckets = new Float64Array(OPERATIONS.length * WIDTH);
  readonly #sumsMs = new Float64Array(OPERATIONS.length);
  inFlight = 0;

  record(operation: number, outcome: number, durationMs: number): void {
    this.#outcomes[operation * OUTCOMES.length + outcome]!++;
    let bucket = 0;
    while (bucket < BUCKETS_MS.length && durationMs > BUCKETS_MS[bucket]!) bucket++;
    this.#buckets[operation * WIDTH + bucket]!++;
    this.#sumsMs[operation]! += durationMs;
  }

  count(operation: OperationName, outcome: Outcome): number {
    return this.#outcomes[OPERATIONS.indexOf(operation) * OUTCOMES.length + OUTCOMES.indexOf(outcome)]!;
  }

  /** Per bucket, not cumulated; the last is what is beyond all bounds. */
  durations(operation: OperationName): { readonly buckets: readonly number[]; readonly sumSeconds: number } {
    const index = OPERATIONS.indexOf(operation);
    return {
      buckets: [...this.#buckets.subarray(index * WIDTH, (index + 1) * WIDTH)],
      sumSeconds: this.#sumsMs[index]! / MS_PER_SECOND,
    };
  }
}

export const OPERATION_INDEX = Object.fromEntries(OPERATIONS.map((name, i) => [name, i])) as Record<
  OperationName,
  number
>;
export const OUTCOME_INDEX = Object.fromEntries(OUTCOMES.map((name, i) => [name, i])) as Record<Outcome, number>;

export function outcomeOf(status: number): number {
  if (status < 400) return OUTCOME_INDEX.ok;
  if (status === 404) return OUTCOME_INDEX.not_found;
  if (status === 503) return OUTCOME_INDEX.unavailable;
  return status < 500 ? OUTCOME_INDEX.rejected : OUTCOME_INDEX.error;
}
