import { makeVersion } from '@dcs/protocol';
import fc from 'fast-check';
import { RecentOperations } from './recent-operations.js';

test('answers what was remembered, by stamp and slot', () => {
  const recent = new RecentOperations(64);
  const version = makeVersion(2 ** 40, 65_535, 2 ** 32 - 1);
  recent.record(makeVersion(1, 2, 3), 7, version, Number.MIN_SAFE_INTEGER);
  expect(recent.find(makeVersion(1, 2, 3), 7)).toEqual({ version, value: Number.MIN_SAFE_INTEGER });
  expect(recent.find(makeVersion(1, 2, 3), 8)).toBeUndefined();
  expect(recent.find(makeVersion(1, 3, 3), -7)).toBeUndefined();
});

test('what it answers is always what was last remembered for the stamp', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(3), fc.integer()), { maxLength: 200 }), (operations) => {
      const recent = new RecentOperations(16);
      const truth = new Map<string, number>();
      for (const [ms, slot, value] of operations) {
        recent.record(makeVersion(ms + 1, 0, 1), slot, makeVersion(ms + 1, 1, 1), value);
        truth.set(`${ms} ${slot}`, value);
        expect(recent.find(makeVersion(ms + 1, 0, 1), slot)?.value).toBe(value);
      }
      for (const [name, value] of truth) {
        const [ms, slot] = name.split(' ').map(Number);
        const found = recent.find(makeVersion(ms! + 1, 0, 1), slot!);
        if (found !== undefined) expect(found.value).toBe(value);
      }
    }),
  );
});

test('of four in a set the oldest makes room: half of the capacity is as good as certain to be there', () => {
  const recent = new RecentOperations(4096);
  for (let i = 1; i <= 100_000; i++) {
    recent.record(makeVersion(1_700_000_000_000 + i, i % 3, 5), i * 7919, makeVersion(i, 0, 0), i);
  }
  let found = 0;
  for (let i = 100_000 - 1023; i <= 100_000; i++) {
    if (recent.find(makeVersion(1_700_000_000_000 + i, i % 3, 5), i * 7919)?.value === i) found++;
  }
  expect(found).toBeGreaterThan(1010);
  expect(recent.find(makeVersion(1_700_000_000_001, 1, 5), 7919)).toBeUndefined();
  expect(recent.mayHaveForgotten(makeVersion(1_700_000_000_001, 1, 5), 7919)).toBe(true);
  expect(recent.mayHaveForgotten(makeVersion(1_700_000_100_001, 1, 5), 7919)).toBe(false);
});
