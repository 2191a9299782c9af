import fc from 'fast-check';
import { ClockOffset } from './clock-offset.js';

describe('ClockOffset', () => {
  test('knows nothing before the first exchange', () => {
    expect(new ClockOffset().reading).toBeUndefined();
  });

  test('is never further off than it says, however the delays are spread, and as good as the shortest round trip', () => {
    const exchange = fc.record({ there: fc.nat(40), back: fc.nat(40), pause: fc.nat(1000) });
    fc.assert(
      fc.property(fc.integer(), fc.array(exchange, { minLength: 1 }), (offset, exchanges) => {
        const clock = new ClockOffset();
        let at = 0;
        for (const { there, back, pause } of exchanges) {
          at += pause;
          clock.add(at + there + offset, at, at + there + back);
          at += there + back;
        }
        const { offsetMs, errorMs } = clock.reading!;
        expect(Math.abs(offsetMs - offset)).toBeLessThanOrEqual(errorMs);
        const shortest = Math.min(...exchanges.slice(-8).map(({ there, back }) => there + back));
        expect(errorMs).toBeLessThanOrEqual(shortest / 2 + 1);
      }),
    );
  });

  test('says at once what a registry says whose clock was set', () => {
    const clock = new ClockOffset();
    for (let i = 0; i < 8; i++) clock.add(i * 1000 + 120_001, i * 1000, i * 1000 + 2);
    expect(clock.reading!.offsetMs).toBe(120_000);
    clock.add(8010, 8000, 8020);
    expect(clock.reading!.offsetMs).toBe(0);
  });

  test('makes a new reading with each exchange', () => {
    const clock = new ClockOffset();
    clock.add(1000, 0, 2);
    const first = clock.reading;
    clock.add(2000, 1000, 1020);
    expect(clock.reading).toEqual(first);
    expect(clock.reading).not.toBe(first);
  });
});
