import { type Time } from '../routing/ports.js';
import { EventLoopStalls } from './event-loop-stalls.js';

function setup() {
  let now = 0;
  let due: (() => void) | undefined;
  const time = {
    now: () => now,
    after: (_ms: number, callback: () => void) => ((due = callback), () => (due = undefined)),
  } as Time;
  const stalls = new EventLoopStalls(time);
  const tick = (ms: number): void => {
    now += ms;
    due?.();
  };
  return { stalls, tick, isArmed: () => due !== undefined };
}

describe('EventLoopStalls', () => {
  test('ticks in time are no stall', () => {
    const { stalls, tick } = setup();
    for (let i = 0; i < 1000; i++) tick(60);
    expect(stalls.stalledMs).toBe(0);
  });

  test('a process that is stopped for 1.8 of every 5 seconds shows it, however often somebody looks', () => {
    const { stalls, tick } = setup();
    for (let second = 0; second < 50; second += 5) {
      for (let i = 0; i < 64; i++) tick(50);
      tick(1800);
      expect([stalls.stalledMs, stalls.stalledMs]).toEqual([(second / 5 + 1) * 1750, (second / 5 + 1) * 1750]);
    }
  });

  test('nothing runs after it was closed', () => {
    const { stalls, isArmed } = setup();
    stalls.close();
    stalls.close();
    expect(isArmed()).toBe(false);
  });
});
