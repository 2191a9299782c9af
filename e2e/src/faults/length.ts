/** How long faults last and how much data there is: `short` with every test run, `full` as `npm run faults` has it. */
export interface FaultLength {
  /** Load before a fault begins, and after it has ended, ms. */
  readonly quietMs: number;
  /** An aux is stopped (SIGSTOP) for so long, ms. */
  readonly pauseMs: number;
  /** The registry is away for so long, ms. */
  readonly outageMs: number;
  /** Masters and an aux cannot reach each other for so long, ms. */
  readonly partitionMs: number;
  /** Processes whose clock is wrong, and by how many seconds it is. */
  readonly wrongClocks: readonly (readonly [process: string, seconds: string])[];
  /** Some processes cannot reach the registry for so long, ms: longer than two leases. */
  readonly registryCutMs: number;
  /** Processes whose clock is set while they run, and by how many seconds. */
  readonly clockSteps: readonly (readonly [process: string, seconds: string])[];
  /** An aux comes and goes for so long, ms. */
  readonly flappingMs: number;
  /** Keys besides those of the load. */
  readonly keys: number;
  /** Keys of the cluster in which something is killed in the middle of a handoff. */
  readonly handoffKeys: number;
  /** How long such a handoff takes, at least, ms. */
  readonly handoffMs: number;
  /** Bounds on time are asserted, besides being printed. */
  readonly timed: boolean;
  /** When a disk that was away comes back, of the tombstones' retention, and what becomes of the other nodes. */
  readonly oldDisks: readonly (readonly [retention: 'inside' | 'beyond', others: 'live' | 'restart'])[];
}

const LENGTHS: Readonly<Record<'short' | 'full', FaultLength>> = {
  short: {
    quietMs: 700,
    pauseMs: 5_000,
    outageMs: 4_500,
    partitionMs: 4_500,
    registryCutMs: 8_000,
    wrongClocks: [
      ['aux-2', '+120'],
      ['master-2', '-120'],
    ],
    clockSteps: [
      ['master-2', '+60'],
      ['aux-2', '+3600'],
    ],
    flappingMs: 12_000,
    keys: 10_000,
    handoffKeys: 8_000,
    handoffMs: 2_500,
    timed: false,
    oldDisks: [
      ['inside', 'restart'],
      ['beyond', 'live'],
    ],
  },
  full: {
    quietMs: 5_000,
    pauseMs: 30_000,
    outageMs: 60_000,
    partitionMs: 30_000,
    registryCutMs: 34_000,
    wrongClocks: [
      ['aux-2', '+120'],
      ['aux-2', '-120'],
      ['master-2', '+120'],
      ['master-2', '-120'],
    ],
    clockSteps: [
      ['master-2', '+60'],
      ['master-2', '-60'],
      ['aux-2', '+3600'],
      ['aux-2', '-3600'],
    ],
    flappingMs: 60_000,
    keys: 100_000,
    handoffKeys: 100_000,
    handoffMs: 10_000,
    timed: true,
    oldDisks: [
      ['inside', 'live'],
      ['inside', 'restart'],
      ['beyond', 'live'],
      ['beyond', 'restart'],
    ],
  },
};

const wanted = process.env['FAULTS_LENGTH'] ?? 'short';
if (wanted !== 'short' && wanted !== 'full') throw new Error(`FAULTS_LENGTH: got ${wanted}, want short or full`);

/** Of this run; FAULTS_LENGTH=full asks for the long one. */
export const LENGTH = LENGTHS[wanted];
