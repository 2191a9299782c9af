import { EventLoopWatch } from './event-loop-watch.js';

function setup() {
  let now = 0;
  let due: (() => void) | undefined;
  const gaps: number[] = [];
  const watch = new EventLoopWatch({
    monotonic: () => now,
    timers: { after: (_ms, callback) => ((due = callback), () => (due = undefined)) },
    onWake: (gapMs) => gaps.push(gapMs),
  });
  watch.start();
  const tick = (ms: number): void => {
    now += ms;
    due?.();
  };
  return { watch, gaps, tick, pass: (ms: number) => (now += ms) };
}

describe('EventLoopWatch', () => {
  test('ticks in time are no lag', () => {
    const { watch, gaps, tick } = setup();
    for (let i = 0; i < 100; i++) tick(60);
    expect([watch.isLagging, gaps]).toEqual([false, []]);
  });

  test('a late tick is lag for a while, and no pause', () => {
    const { watch, gaps, tick } = setup();
    tick(300);
    expect([watch.isLagging, gaps]).toEqual([true, []]);
    for (let i = 0; i < 12; i++) tick(50);
    expect(watch.isLagging).toBe(false);
  });

  test('after a pause whoever looks first is told, once', () => {
    const { watch, gaps, tick, pass } = setup();
    pass(30_000);
    watch.check();
    watch.check();
    tick(0);
    expect(gaps).toEqual([30_000]);
  });

  test('every stall counts once, and stays counted', () => {
    const { watch, tick, pass } = setup();
    for (let i = 0; i < 100; i++) tick(60);
    expect(watch.stalledMs).toBe(0);
    tick(1800);
    pass(550);
    watch.check();
    tick(0);
    for (let i = 0; i < 1000; i++) tick(50);
    expect([watch.stalledMs, watch.stalledMs]).toEqual([1750 + 500, 1750 + 500]);
  });

  test('a stopped watch says nothing', () => {
    const { watch, gaps, pass } = setup();
    watch.stop();
    pass(30_000);
    watch.check();
    expect(gaps).toEqual([]);
  });
});
