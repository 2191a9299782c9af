import fc from 'fast-check';
import { ByteBudget, Hold } from './byte-budget.js';

const KIB = 1024;

test('takes until it is full, and again when bytes were given back', () => {
  const budget = new ByteBudget(1024 * KIB);
  expect(budget.take(500 * KIB)).toBe(true);
  expect(budget.take(500 * KIB)).toBe(false);
  expect(budget.used).toBe(500 * KIB);
  budget.give(500 * KIB);
  expect(budget.take(500 * KIB)).toBe(true);
});

test('keeps an eighth for what is small', () => {
  const budget = new ByteBudget(1024 * KIB);
  expect(budget.take(800 * KIB)).toBe(true);
  expect(budget.take(100 * KIB)).toBe(false);
  expect(budget.take(64 * KIB)).toBe(true);
  expect(budget.take(64 * KIB)).toBe(true);
  expect(budget.take(64 * KIB)).toBe(true);
  expect(budget.take(64 * KIB)).toBe(false);
});

test('lets in what is larger than itself, alone', () => {
  const budget = new ByteBudget(KIB);
  expect(budget.take(8 * KIB)).toBe(true);
  expect(budget.take(1)).toBe(false);
  const alone = new Hold(new ByteBudget(KIB));
  expect([alone.resize(KIB), alone.resize(8 * KIB)]).toEqual([true, true]);
});

test('whatever hands take, grow, shrink and release, and however often: in the end nothing is held', () => {
  const step = fc.record({ hand: fc.nat(7), bytes: fc.nat(300 * KIB), release: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const budget = new ByteBudget(1024 * KIB);
      const hands = Array.from({ length: 8 }, () => new Hold(budget));
      for (const { hand, bytes, release } of steps) {
        if (release) hands[hand]!.release();
        else hands[hand]!.resize(bytes);
        expect(budget.used).toBe(hands.reduce((sum, each) => sum + each.bytes, 0));
        expect(budget.used).toBeLessThanOrEqual(1024 * KIB);
      }
      for (const hand of hands) hand.release();
      expect(budget.used).toBe(0);
    }),
  );
});
