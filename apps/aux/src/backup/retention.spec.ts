import fc from 'fast-check';
import { FUTURE_MS, hasSlot, STALE_VIEW_MS, supersedes } from './precedence.js';
import { isExpendable, type Kept } from './retention.js';

const SLOTS = 12;
/** Later than every file, but for those that are said to be from the future. */
const NOW = 10 * STALE_VIEW_MS;

function kept(createdAt: number, epoch: number, slots: readonly number[], isComplete = true): Kept {
  const bits = new Uint8Array(2048);
  for (const slot of isComplete ? slots : []) bits[slot >> 3]! |= 1 << (slot & 7);
  return { createdAt, epoch, slots: bits, isComplete };
}

const file = fc
  .tuple(fc.nat(3 * STALE_VIEW_MS), fc.nat(4), fc.uniqueArray(fc.nat(SLOTS - 1)), fc.boolean())
  .map(([createdAt, epoch, slots, isComplete]) => kept(createdAt, epoch, slots, isComplete));

describe('precedence', () => {
  test('is transitive, so that a file may be judged by others that are to go themselves', () => {
    fc.assert(
      fc.property(file, file, file, (a, b, c) => {
        if (supersedes(a, b, NOW) && supersedes(b, c, NOW)) expect(supersedes(a, c, NOW)).toBe(true);
        expect(supersedes(a, a, NOW)).toBe(false);
      }),
    );
  });

  test('a node that was left behind in an old view supersedes nothing of the new one, until long after', () => {
    expect(supersedes({ createdAt: 2000, epoch: 5 }, { createdAt: 1000, epoch: 5 }, NOW)).toBe(true);
    expect(supersedes({ createdAt: 2000, epoch: 4 }, { createdAt: 1000, epoch: 5 }, NOW)).toBe(false);
    expect(supersedes({ createdAt: 2000 + STALE_VIEW_MS, epoch: 1 }, { createdAt: 1000, epoch: 5 }, NOW)).toBe(true);
  });
});

describe('retention', () => {
  test('a node that lost slots does not delete the last file that has them, however many it writes without them', () => {
    const last = kept(1, 1, [1, 2, 3]);
    const files = [last, ...Array.from({ length: 20 }, (_, i) => kept(2 + i, 2, [1, 2]))];
    const options = { keep: 3, notAfter: Infinity, now: NOW };
    expect(isExpendable(last, files, options)).toBe(false);
    const two = [...files, kept(50, 2, [3]), kept(51, 2, [3])];
    expect(isExpendable(last, two, options)).toBe(false);
    const three = [...two, kept(52, 2, [3])];
    expect(isExpendable(last, three, options)).toBe(true);
    expect(isExpendable(last, three, { keep: 3, notAfter: 51, now: NOW })).toBe(false);
  });

  test('files that are not complete replace nothing, and go only when newer ones have all slots', () => {
    const all = Array.from({ length: 16_384 }, (_, slot) => slot);
    const part = kept(5, 1, [], false);
    const old = kept(1, 1, [1]);
    expect(isExpendable(old, [old, part], { keep: 1, notAfter: Infinity, now: NOW })).toBe(false);
    expect(isExpendable(part, [kept(6, 1, all.slice(1))], { keep: 1, notAfter: Infinity, now: NOW })).toBe(false);
    expect(isExpendable(part, [kept(6, 1, all)], { keep: 1, notAfter: Infinity, now: NOW })).toBe(true);
  });

  test('any files, in any order of removal: what is left has each slot as well as before', () => {
    const best = (files: readonly Kept[], slot: number): Kept[] => {
      const having = files.filter(({ isComplete, slots }) => isComplete && hasSlot(slots, slot));
      return having.filter((one) => !having.some((other) => supersedes(other, one, NOW)));
    };
    fc.assert(
      fc.property(fc.array(file, { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), (files, keep) => {
        const left = files.filter((one) => !isExpendable(one, files, { keep, notAfter: Infinity, now: NOW }));
        for (let slot = 0; slot < SLOTS; slot++) {
          expect(best(left, slot)).toEqual(best(files, slot));
          const count = (of: readonly Kept[]) => of.filter((one) => hasSlot(one.slots, slot)).length;
          expect(count(left)).toBeGreaterThanOrEqual(Math.min(keep, count(files)));
        }
      }),
    );
  });
});

test('a file from the future supersedes nothing, and nothing supersedes it', () => {
  const [future, past] = [
    { createdAt: NOW + FUTURE_MS + 1, epoch: 5 },
    { createdAt: NOW - 1, epoch: 5 },
  ];
  expect(supersedes(future, past, NOW)).toBe(false);
  expect(supersedes(past, future, NOW)).toBe(false);
  expect(supersedes(future, past, NOW + 1)).toBe(true); // its time has come
});
