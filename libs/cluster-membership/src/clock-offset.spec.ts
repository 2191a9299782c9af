import fc from 'fast-check';
import { ClockOffset } from './clock-offset.js';

describe('ClockOffset', () => {
  test('is 0 before the first exchange and while the clocks agree', () => {
    const clock = new ClockOffset();
    expect(clock.offsetMs).toBe(0);
    clock.add(3, 10);
    expect(clock.offsetMs).toBe(0);
  });

  test('finds the offset within half the shortest round trip, however the delays are spread', () => {
    const exchange = fc.record({ there: fc.nat(40), back: fc.nat(40) });
    fc.assert(
      fc.property(
        fc.integer({ min: -200_000, max: 200_000 }),
        fc.array(exchange, { minLength: 1 }),
        (offset, exchanges) => {
          const clock = new ClockOffset();
          for (const { there, back } of exchanges) clock.add(offset + there, there + back);
          const shortest = Math.min(...exchanges.slice(-8).map(({ there, back }) => there + back));
          if (Math.abs(offset) > 150) expect(Math.abs(clock.offsetMs - offset)).toBeLessThanOrEqual(shortest / 2 + 1);
        },
      ),
    );
  });

  test('follows a clock that was set', () => {
    const clock = new ClockOffset();
    for (let i = 0; i < 8; i++) clock.add(120_000, 2);
    clock.add(1, 20);
    expect(clock.offsetMs).toBe(0);
    clock.add(-60_000, 20);
    expect(clock.offsetMs).toBe(-60_010);
  });
});
