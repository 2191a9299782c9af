/** A promise that a run did not keep. */
export interface Violation {
  /** Which promise: stable, to compare runs by. */
  readonly check:
    | 'lost'
    | 'invented'
    | 'resurrected'
    | 'old'
    | 'monotonic'
    | 'linearizable'
    | 'repeated'
    | 'counter'
    | 'token'
    | 'copies'
    | 'stray'
    | 'converged'
    | 'tombstone'
    | 'defect';
  readonly key: string;
  readonly text: string;
}
