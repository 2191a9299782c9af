import fc from 'fast-check';
import { MAX_VERSION_AHEAD_MS } from './entry-rules.js';
import { HybridClock } from './hybrid-clock.js';
import { compareVersions, counterOf, makeVersion, MAX_COUNTER } from './version.js';

describe('HybridClock', () => {
  test('never goes back, however the wall clock moves and whatever it observes', () => {
    const step = fc.record({ wall: fc.nat(10_000), seen: fc.option(fc.nat(20_000)) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2 }), (steps) => {
        let wall = 0;
        const clock = new HybridClock({ now: () => wall, origin: 7 });
        let last = clock.last;
        for (const { wall: to, seen } of steps) {
          wall = to;
          if (seen !== null) {
            clock.observe(makeVersion(seen, 3, 9));
            last = compareVersions(makeVersion(seen, 3, 9), last) > 0 ? makeVersion(seen, 3, 9) : last;
          }
          const next = clock.next();
          expect(compareVersions(next, last)).toBeGreaterThan(0);
          last = next;
        }
      }),
    );
  });

  test('counts within one millisecond and follows the wall clock when it moves on', () => {
    let wall = 100;
    const clock = new HybridClock({ now: () => wall, origin: 1 });
    expect([clock.next(), clock.next()]).toEqual([makeVersion(100, 0, 1), makeVersion(100, 1, 1)]);
    wall = 101.7;
    expect(clock.next()).toEqual(makeVersion(101, 0, 1));
  });

  test('a full counter borrows the next millisecond', () => {
    const clock = new HybridClock({ now: () => 100, origin: 1 });
    clock.observe(makeVersion(100, MAX_COUNTER, 5));
    expect(clock.next()).toEqual(makeVersion(101, 0, 1));
    expect(counterOf(clock.next())).toBe(1);
  });

  test('renewed, gives a version of now where it was ahead, and none twice', () => {
    let wall = 60_000;
    const clock = new HybridClock({ now: () => wall, origin: 1 });
    const ahead = clock.next();
    wall = 100;
    expect(clock.next().ms).toBe(ahead.ms);
    const given = [clock.renew(2), clock.next(), clock.renew(3)];
    expect(given).toEqual([makeVersion(100, 0, 2), makeVersion(100, 1, 2), makeVersion(100, 2, 2)]);
    wall = 60_000; // where versions were given before
    expect(compareVersions(clock.next(), ahead)).not.toBe(0);
    expect(() => new HybridClock({ now: () => 0, origin: 1 }).renew(-1)).not.toThrow(); // not needed: not ahead
  });

  test('tells versions that are further ahead than it allows', () => {
    const clock = new HybridClock({ now: () => 1_000, origin: 1 });
    expect(clock.isAhead(makeVersion(1_500, 0, 2))).toBe(false);
    expect(clock.isAhead(makeVersion(1_501, 0, 2))).toBe(true);
  });

  test.each([-1, 1.5, 2 ** 32, NaN])('refuses the origin %d', (origin) => {
    expect(() => new HybridClock({ now: () => 0, origin })).toThrow(
      expect.objectContaining({ code: 'ERR_PROTOCOL_ORIGIN' }),
    );
  });
});

test('does not follow a version that no entry may have, because it is a week ahead', () => {
  const clock = new HybridClock({ now: () => 1000, origin: 1 });
  clock.observe(makeVersion(1000 + MAX_VERSION_AHEAD_MS, 0, 2));
  expect(clock.last.ms).toBe(1000 + MAX_VERSION_AHEAD_MS);
  clock.observe(makeVersion(1001 + MAX_VERSION_AHEAD_MS, 0, 2));
  clock.observe(makeVersion(2 ** 48 - 1, MAX_COUNTER, 2));
  expect(clock.last.ms).toBe(1000 + MAX_VERSION_AHEAD_MS);
});
