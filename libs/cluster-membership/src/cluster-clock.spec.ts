import fc from 'fast-check';
import { ClusterClock, MAX_CLOCK_GAP_MS } from './cluster-clock.js';
import { ClockOffset, type ClockReading } from './clock-offset.js';

const WALL = 1_700_000_000_000;

describe('ClusterClock', () => {
  let monotonicMs: number;
  let wallMs: number;
  let reading: ClockReading | undefined;
  let clock: ClusterClock;

  beforeEach(() => {
    monotonicMs = 1_000;
    wallMs = WALL;
    reading = undefined;
    clock = new ClusterClock({ reading: () => reading, monotonic: () => monotonicMs, wall: () => wallMs });
  });
  /** The registry's time is `aheadMs` more than this process's wall clock said at first. */
  const hear = (aheadMs: number, errorMs = 1): void => {
    reading = { offsetMs: WALL - 1_000 + aheadMs, errorMs };
  };

  test('goes on from the wall clock of the start until it hears of the registry, whatever the wall clock does', () => {
    expect(clock.now()).toBe(WALL);
    wallMs += 3_600_000;
    monotonicMs += 10.7;
    expect(clock.now()).toBe(WALL + 10);
    wallMs = 0;
    expect(clock.now()).toBe(WALL + 10);
  });

  test('takes the first reading at once', () => {
    hear(-120_000);
    expect(clock.gapMs).toBe(0);
    expect(clock.now()).toBe(WALL - 120_000);
  });

  test.each([200, -200])('is put right by 50 ms a second where a reading is %s ms off', (off) => {
    hear(0);
    clock.now();
    hear(off);
    expect(clock.now()).toBe(WALL);
    expect(clock.gapMs).toBe(0);
    monotonicMs += 1_000;
    expect(clock.now()).toBe(WALL + 1_000 + Math.sign(off) * 50);
    monotonicMs += 10_000;
    expect(clock.now()).toBe(WALL + 11_000 + off);
  });

  test('time in which nobody asks does not make it jump', () => {
    hear(0);
    clock.now();
    monotonicMs += 60_000;
    hear(200);
    expect(clock.now()).toBe(WALL + 60_000);
  });

  test.each([1_000, -3_600_000])('goes on as it is where a reading is %s ms off, until it is drawn anew', (off) => {
    hear(0);
    clock.now();
    hear(off);
    monotonicMs += 5_000;
    expect(clock.now()).toBe(WALL + 5_000);
    expect(clock.gapMs).toBe(off);
    clock.drawAnew();
    expect(clock.now()).toBe(WALL + 5_000 + off);
    expect(clock.gapMs).toBe(0);
  });

  test('a reading that may be as wrong as it is off proves nothing', () => {
    hear(0);
    clock.now();
    hear(600, 400);
    expect(clock.gapMs).toBe(0);
    hear(600, 300);
    expect(clock.gapMs).toBe(600);
  });

  test('wall clocks that step and drift, and monotonic clocks that drift, keep all processes within the bound of the registry', () => {
    const event = fc.record({
      passMs: fc.integer({ min: 100, max: 3_000 }),
      stepMs: fc.oneof(fc.constant(0), fc.integer({ min: -86_400_000, max: 86_400_000 })),
      thereMs: fc.nat(100),
      backMs: fc.nat(100),
    });
    const driven = fc.record({ rate: fc.double({ min: 0.995, max: 1.005, noNaN: true }), events: fc.array(event) });
    fc.assert(
      fc.property(driven, ({ rate, events }) => {
        const offset = new ClockOffset();
        let trueMs = WALL;
        let own = 50;
        let wall = trueMs;
        const pass = (ms: number): void => {
          trueMs += ms;
          own += ms * rate;
          wall += ms * rate;
        };
        const subject = new ClusterClock({ reading: () => offset.reading, monotonic: () => own, wall: () => wall });
        const exchange = (thereMs: number, backMs: number): void => {
          const sentAt = own;
          pass(thereMs);
          const serverMs = Math.floor(trueMs);
          pass(backMs);
          offset.add(serverMs, sentAt, own);
        };
        exchange(1, 1);
        let last = subject.now();
        const expiresAt = last + 600_000;
        for (const { passMs, stepMs, thereMs, backMs } of events) {
          wall += stepMs;
          pass(passMs);
          exchange(thereMs, backMs);
          const now = subject.now();
          expect(subject.gapMs).toBe(0);
          expect(now).toBeGreaterThanOrEqual(last);
          expect(Math.abs(now - trueMs)).toBeLessThanOrEqual(MAX_CLOCK_GAP_MS);
          if (now >= expiresAt) expect(trueMs).toBeGreaterThanOrEqual(expiresAt - MAX_CLOCK_GAP_MS);
          last = now;
        }
      }),
    );
  });
});
