import fc from 'fast-check';
import { DEFAULT_DAMPING, holdMs } from './damping.js';
import { MemberSupersededError } from './errors.js';
import { EMPTY_LEDGER, type Lease, type Ledger, type Outcome, heartbeat, read, remove, viewOf } from './ledger.js';
import { decodeLedger, encodeLedger } from './ledger-codec.js';
import type { MemberState } from './member.js';
import type { Accusation } from './registry.js';
import { member } from './registry.conformance.js';

const LEASE_MS = 3000;

interface Beat {
  readonly op: 'heartbeat';
  readonly id: string;
  readonly incarnation: number;
  readonly state: MemberState;
  readonly minEpoch: number;
  readonly viewSize: number;
  readonly accuses: readonly Accusation[];
}
interface Remove {
  readonly op: 'remove';
  readonly id: string;
  readonly incarnation: number;
}
type Step = Beat | Remove | { readonly op: 'read' } | { readonly op: 'time'; readonly ms: number };

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const incarnation = fc.constantFrom(1, 1, 1, 2, 3);
const accuses = fc.uniqueArray(
  fc.record({ id, incarnation, kind: fc.constantFrom<Accusation['kind']>('silent', 'refused') }),
  { selector: (accusation) => accusation.id, maxLength: 4 },
);
const beat = (minEpoch: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    op: fc.constant('heartbeat' as const),
    id,
    incarnation,
    state: fc.constantFrom<MemberState>('up', 'up', 'joining', 'leaving'),
    minEpoch,
    viewSize: fc.nat(5),
    accuses,
  });
const others: fc.Arbitrary<Step>[] = [
  fc.record({ op: fc.constant('remove' as const), id, incarnation }),
  fc.constant({ op: 'read' as const }),
];
const steady = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: beat(fc.constant(0)) },
    { weight: 1, arbitrary: others[0]! },
    { weight: 2, arbitrary: others[1]! },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 4000 }) }) },
  ),
  { maxLength: 60 },
);
const wild = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: beat(fc.nat(40)) },
    { weight: 1, arbitrary: others[0]! },
    { weight: 2, arbitrary: others[1]! },
    {
      weight: 5,
      arbitrary: fc.record({ op: fc.constant('time' as const), ms: fc.integer({ min: -9000, max: 9000 }) }),
    },
  ),
  { maxLength: 60 },
);

/** Runs the steps and shows each to `check`. A refused heartbeat changes nothing and is skipped. */
function run(steps: readonly Step[], check: (before: Ledger, step: Step, outcome: Outcome) => void): void {
  let ledger = EMPTY_LEDGER;
  let now = 1_000_000;
  for (const step of steps) {
    if (step.op === 'time') {
      now += step.ms;
      continue;
    }
    let outcome: Outcome;
    try {
      outcome = apply(ledger, step, now);
    } catch (error) {
      expect(error).toBeInstanceOf(MemberSupersededError);
      continue;
    }
    check(ledger, step, outcome);
    ledger = outcome.ledger;
  }
}

function apply(ledger: Ledger, step: Exclude<Step, { op: 'time' }>, now: number): Outcome {
  if (step.op === 'remove') return remove(ledger, step.id, step.incarnation, 0, now, DEFAULT_DAMPING);
  if (step.op === 'read') {
    return read(ledger, { minEpoch: 0, viewSize: 0, leaseMs: LEASE_MS }, now, DEFAULT_DAMPING);
  }
  const { minEpoch, viewSize, state } = step;
  const self = member(step.id, { incarnation: step.incarnation, state });
  const beat = { member: self, leaseMs: LEASE_MS, minEpoch, viewSize, accuses: step.accuses };
  return heartbeat(ledger, beat, now, DEFAULT_DAMPING);
}

describe('the ledger', () => {
  test('never lowers the epoch or its clock, and shows one view per epoch, whatever happens', () => {
    fc.assert(
      fc.property(wild, (steps) => {
        const views = new Map<number, string>();
        run(steps, (before, step, { ledger, changed }) => {
          expect(ledger.epoch).toBeGreaterThanOrEqual(before.epoch);
          expect(ledger.clock.lastMs).toBeGreaterThanOrEqual(before.clock.lastMs);
          const { epoch, members } = viewOf(ledger);
          if (epoch > 0) {
            const text = JSON.stringify(members);
            expect(views.get(epoch) ?? text).toBe(text);
            views.set(epoch, text);
          }
          if (step.op === 'heartbeat' && !ledger.settling) expect(ledger.epoch).toBeGreaterThanOrEqual(step.minEpoch);
          expect(changed || epoch === viewOf(before).epoch).toBe(true);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('raises the epoch by one when the view changed and only then', () => {
    fc.assert(
      fc.property(steady, (steps) => {
        run(steps, (before, _, { ledger, changed }) => {
          const differs = JSON.stringify(viewOf(ledger).members) !== JSON.stringify(viewOf(before).members);
          expect(ledger.epoch - before.epoch).toBe(differs ? 1 : 0);
          expect(changed).toBe(differs);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('never expels a member before its lease is over, nor one that nobody accuses', () => {
    fc.assert(
      fc.property(steady, (steps) => {
        run(steps, (before, step, { ledger, expelled }) => {
          for (const gone of expelled) {
            const { renewedAtMs, member } = before.leases.get(gone)!;
            expect(renewedAtMs + LEASE_MS).toBeLessThanOrEqual(ledger.clock.lastMs);
            if (step.op === 'heartbeat') expect(gone).not.toBe(step.id);
            const names = (lease: Lease): boolean => lease.accuses.get(gone)?.incarnation === member.incarnation;
            expect([...before.leases.values(), ...ledger.leases.values()].some(names)).toBe(true);
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  test('is stored and read back as it is, and a step leaves the ledger it was given alone', () => {
    fc.assert(
      fc.property(wild, (steps) => {
        let text = encodeLedger(EMPTY_LEDGER);
        run(steps, (before, _, { ledger }) => {
          expect(encodeLedger(before)).toBe(text);
          text = encodeLedger(ledger);
          expect(decodeLedger(text)).toEqual(ledger);
        });
      }),
      { numRuns: 200 },
    );
  });

  test('does not count a crash that cut a graceful leave short, or that most of the view shares', () => {
    const up = (who: string, incarnation: number, state: MemberState = 'up'): Step & { op: 'heartbeat' } => {
      return { op: 'heartbeat', id: who, incarnation, state, minEpoch: 0, viewSize: 0, accuses: [] };
    };
    let ledger = EMPTY_LEDGER;
    for (const step of [up('a', 1), up('b', 1), up('c', 1), up('c', 1, 'leaving'), up('c', 2)]) {
      ledger = apply(ledger, step, 0).ledger;
    }
    expect(ledger.crashes.size).toBe(0);
    ledger = apply(ledger, up('c', 3), 0).ledger;
    expect(ledger.crashes.get('c')).toEqual({ count: 1, lastMs: 0 });
    ledger = apply(ledger, up('a', 2), 2000).ledger; // all three have been silent for 2 s
    expect(ledger.crashes.has('a')).toBe(false);
  });

  test('forgets crashes older than the window', () => {
    let ledger = EMPTY_LEDGER;
    const restart = (who: string, incarnation: number, now: number): void => {
      const step = {
        op: 'heartbeat',
        id: who,
        incarnation,
        state: 'up',
        minEpoch: 0,
        viewSize: 0,
        accuses: [],
      } as const;
      ledger = apply(apply(ledger, step, now).ledger, { ...step, id: 'z', incarnation: 1 }, now).ledger;
    };
    for (let i = 1; i <= 3; i++) restart('a', i, i * 100);
    expect(ledger.crashes.get('a')?.count).toBe(2);
    for (let now = 1000; now <= 70_000; now += 1000) restart('b', 1, now);
    restart('b', 2, 70_000);
    expect([...ledger.crashes.keys()]).toEqual(['b']);
  });
});

test('holds grow from the base to the bound', () => {
  const holds = [0, 1, 2, 3, 4, 5, 6, 7, 1e6].map((crashes) => holdMs(crashes, DEFAULT_DAMPING));
  expect(holds).toEqual([0, 0, 5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
});
