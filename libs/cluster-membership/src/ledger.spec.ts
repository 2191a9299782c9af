import fc from 'fast-check';
import { DEFAULT_DAMPING, holdMs } from './damping.js';
import { MemberSupersededError } from './errors.js';
import { EMPTY_LEDGER, type Ledger, type Outcome, heartbeat, read, remove, viewOf } from './ledger.js';
import { decodeLedger, encodeLedger } from './ledger-codec.js';
import { EMPTY_VIEW, type MemberState, type View } from './member.js';
import type { Accusation } from './registry.js';
import { member } from './registry.conformance.js';

const LEASE_MS = 3000;

interface Beat {
  readonly op: 'heartbeat';
  readonly id: string;
  readonly incarnation: number;
  readonly state: MemberState;
  /** Which of the views so far the caller brings; none where it is negative. */
  readonly last: number;
  readonly accuses: readonly Accusation[];
}
interface Remove {
  readonly op: 'remove';
  readonly id: string;
  readonly incarnation: number;
}
type Step =
  | Beat
  | Remove
  | { readonly op: 'read' }
  | { readonly op: 'time'; readonly ms: number }
  /** The ledger as it was some steps ago, on another server. */
  | { readonly op: 'restore'; readonly steps: number };

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const incarnation = fc.constantFrom(1, 1, 1, 2, 3);
const accuses = fc.uniqueArray(
  fc.record({ id, incarnation, kind: fc.constantFrom<Accusation['kind']>('silent', 'refused') }),
  { selector: (accusation) => accusation.id, maxLength: 4 },
);
const beat = (last: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({
    op: fc.constant('heartbeat' as const),
    id,
    incarnation,
    state: fc.constantFrom<MemberState>('up', 'up', 'joining', 'leaving'),
    last,
    accuses,
  });
const others: fc.Arbitrary<Step>[] = [
  fc.record({ op: fc.constant('remove' as const), id, incarnation }),
  fc.constant({ op: 'read' as const }),
];
const steady = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: beat(fc.constant(-1)) },
    { weight: 1, arbitrary: others[0]! },
    { weight: 2, arbitrary: others[1]! },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 4000 }) }) },
  ),
  { maxLength: 60 },
);
const wild = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: beat(fc.integer({ min: -5, max: 60 })) },
    { weight: 1, arbitrary: others[0]! },
    { weight: 2, arbitrary: others[1]! },
    {
      weight: 5,
      arbitrary: fc.record({ op: fc.constant('time' as const), ms: fc.integer({ min: -9000, max: 9000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('restore' as const), steps: fc.nat(9) }) },
  ),
  { maxLength: 60 },
);

const START_MS = 1_800_000_000_000;

/** Runs the steps and shows each to `check`. A refused heartbeat changes nothing and is skipped. */
function run(steps: readonly Step[], check: (before: Ledger, step: Step, outcome: Outcome, last: View) => void): void {
  let ledger = EMPTY_LEDGER;
  let now = START_MS;
  let wall = START_MS; // where it goes back to the time of another history, epoch.ts promises nothing
  let server = 0;
  const ledgers = [ledger];
  for (const step of steps) {
    if (step.op === 'time') {
      now += step.ms;
      wall += Math.max(0, step.ms);
      continue;
    }
    if (step.op === 'restore') {
      ledger = ledgers.at(-1 - (step.steps % ledgers.length))!;
      server++;
      wall += 100; // histories are told apart by 1/16 s
      continue;
    }
    const last = step.op === 'heartbeat' && step.last >= 0 ? viewOf(ledgers[step.last % ledgers.length]!) : EMPTY_VIEW;
    let outcome: Outcome;
    try {
      outcome = apply(ledger, step, now, { last, wallMs: wall, server: `${server}` });
    } catch (error) {
      expect(error).toBeInstanceOf(MemberSupersededError);
      continue;
    }
    check(ledger, step, outcome, last);
    ({ ledger } = outcome);
    ledgers.push(ledger);
  }
}

function apply(
  ledger: Ledger,
  step: Exclude<Step, { op: 'time' | 'restore' }>,
  now: number,
  { last = EMPTY_VIEW, wallMs = START_MS + now, server = '' } = {},
): Outcome {
  const call = { sourceMs: now, wallMs, server };
  if (step.op === 'remove') return remove(ledger, step.id, step.incarnation, last, call, DEFAULT_DAMPING);
  if (step.op === 'read') return read(ledger, { last, leaseMs: LEASE_MS }, call, DEFAULT_DAMPING);
  const self = member(step.id, { incarnation: step.incarnation, state: step.state });
  const beat = { member: self, leaseMs: LEASE_MS, last, accuses: step.accuses };
  return heartbeat(ledger, beat, call, DEFAULT_DAMPING);
}

describe('the ledger', () => {
  test('never lowers the epoch or its clock, and shows one view per epoch, also where it is restored', () => {
    fc.assert(
      fc.property(wild, (steps) => {
        const views = new Map<number, string>();
        run(steps, (before, _, { ledger, changed }, last) => {
          expect(ledger.epoch).toBeGreaterThanOrEqual(before.epoch);
          expect(ledger.clock.lastMs).toBeGreaterThanOrEqual(before.clock.lastMs);
          const { epoch, members } = viewOf(ledger);
          if (epoch > 0) {
            const text = JSON.stringify(members);
            expect(views.get(epoch) ?? text).toBe(text);
            views.set(epoch, text);
          }
          expect(ledger.epoch).toBeGreaterThanOrEqual(last.epoch);
          if (ledger.epoch === last.epoch) expect(viewOf(ledger)).toEqual(last);
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
          const isFirst = before.epoch === 0 && ledger.epoch > 0;
          expect(isFirst ? ledger.epoch % 2 ** 15 : ledger.epoch - before.epoch).toBe(differs ? 1 : 0);
          expect(changed).toBe(differs);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('never expels a member before its lease is over, nor any while nobody is accused', () => {
    fc.assert(
      fc.property(steady, (steps) => {
        run(steps, (before, step, { ledger, expelled }) => {
          for (const gone of expelled) {
            const { renewedAtMs } = before.leases.get(gone)!;
            expect(renewedAtMs + LEASE_MS).toBeLessThanOrEqual(ledger.clock.lastMs);
            if (step.op === 'heartbeat') expect(gone).not.toBe(step.id);
            // It may fall with the members of its view that are accused: then there is nobody whom it could hear.
            expect([...before.leases.values(), ...ledger.leases.values()].some(({ accuses }) => accuses.size > 0)).toBe(
              true,
            );
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  test('is stored and read back as it is, and a step leaves the ledger it was given alone', () => {
    fc.assert(
      fc.property(wild, (steps) => {
        const texts = new Map([[EMPTY_LEDGER, encodeLedger(EMPTY_LEDGER)]]);
        run(steps, (before, _, { ledger }) => {
          expect(encodeLedger(before)).toBe(texts.get(before));
          const text = encodeLedger(ledger);
          texts.set(ledger, text);
          expect(decodeLedger(text)).toEqual(ledger);
        });
      }),
      { numRuns: 200 },
    );
  });

  test('does not count a crash that cut a graceful leave short, or that most of the view shares', () => {
    const up = (who: string, incarnation: number, state: MemberState = 'up'): Step & { op: 'heartbeat' } => {
      return { op: 'heartbeat', id: who, incarnation, state, last: -1, accuses: [] };
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
        last: -1,
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
