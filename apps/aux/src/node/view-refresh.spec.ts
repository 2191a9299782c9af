import { Sweeper } from './sweeper.js';
import type { Timers } from './ports.js';
import { ViewRefresh } from './view-refresh.js';

/** Timers that run when told to. */
function manualTimers() {
  const waiting = new Set<() => void>();
  const timers: Timers = {
    after(_ms, callback) {
      waiting.add(callback);
      return () => waiting.delete(callback);
    },
  };
  const fire = () => {
    for (const callback of [...waiting]) {
      waiting.delete(callback);
      callback();
    }
  };
  return { timers, fire, waiting };
}

function setup(refresh: (minEpoch: number) => Promise<unknown>) {
  const state = { epoch: 1, now: 0 };
  const manual = manualTimers();
  const view = new ViewRefresh({
    epoch: () => state.epoch,
    monotonic: () => state.now,
    refresh,
    timers: manual.timers,
  });
  return { state, view, ...manual };
}

describe('ViewRefresh', () => {
  test('is needed for a newer epoch only', () => {
    const { view } = setup(async () => undefined);
    expect([view.needed(0), view.needed(1), view.needed(2)]).toEqual([false, false, true]);
  });

  test('shares one read', async () => {
    let reads = 0;
    const { view, state } = setup(async () => {
      reads++;
      state.epoch = 3;
    });
    await Promise.all([view.until(2), view.until(3)]);
    expect(reads).toBe(1);
    expect(view.needed(3)).toBe(false);
  });

  test('reads again for an epoch newer than the one that a read under way is for', async () => {
    const found = [2, 3];
    const asked: number[] = [];
    const { view, state } = setup(async (minEpoch) => {
      asked.push(minEpoch);
      await Promise.resolve();
      state.epoch = found.shift()!;
    });
    await Promise.all([view.until(2), view.until(3)]);
    expect([state.epoch, asked]).toEqual([3, [2, 3]]);
  });

  test('an epoch that was not found does not keep it from looking for a newer one', async () => {
    const { view } = setup(async () => undefined);
    await view.until(2);
    expect([view.needed(2), view.needed(3)]).toEqual([false, true]);
  });

  test('asking without expecting anything keeps it from nothing', async () => {
    let reads = 0;
    const { view } = setup(async () => void reads++);
    await view.ask();
    expect(reads).toBe(1);
    expect(view.needed(2)).toBe(true);
  });

  test('a read that began before is not the answer to a question that came later', async () => {
    let reads = 0;
    const { view } = setup(async () => void reads++);
    await Promise.all([view.until(2), view.ask()]);
    expect(reads).toBe(2);
  });

  test('goes on with the old view when the registry fails, and does not try again at once', async () => {
    const { view, state, waiting } = setup(() => Promise.reject(new Error('down')));
    await view.until(2);
    expect(view.needed(2)).toBe(false);
    state.now = 1000;
    expect(view.needed(2)).toBe(true);
    expect(waiting.size).toBe(0);
  });

  test('waits a bounded time for a registry that does not answer', async () => {
    const { view, fire } = setup(() => new Promise(() => undefined));
    const waited = view.until(2);
    fire();
    await waited;
    expect(view.needed(2)).toBe(false);
  });
});

describe('Sweeper', () => {
  test('looks at more while much has expired, at less when little has', () => {
    const { timers } = manualTimers();
    let expired = 1;
    const sweeper = new Sweeper((visits) => visits * expired, timers);
    const least = sweeper.visits;
    for (let i = 0; i < 20; i++) sweeper.step();
    const most = sweeper.visits;
    expect(most).toBeGreaterThan(least);
    expired = 0;
    for (let i = 0; i < 20; i++) sweeper.step();
    expect(sweeper.visits).toBe(least);
  });

  test('steps by itself until it is stopped', () => {
    const { timers, fire, waiting } = manualTimers();
    let steps = 0;
    const sweeper = new Sweeper(() => {
      steps++;
      return 0;
    }, timers);
    sweeper.start();
    sweeper.start();
    fire();
    fire();
    expect(steps).toBe(2);
    sweeper.stop();
    fire();
    expect(steps).toBe(2);
    expect(waiting.size).toBe(0);
  });
});
