import { AmbientError, forbidAmbient } from './ambient.js';
import { Kernel } from './kernel.js';
import { Random } from './random.js';
import { SimProcess } from './sim-process.js';

function setup() {
  const kernel = new Kernel();
  const process = new SimProcess(kernel, 'p', new Random(1));
  const log: string[] = [];
  return { kernel, process, log };
}

describe('events', () => {
  test('run by time, and in the order they were put in when that is the same', async () => {
    const { kernel, log } = setup();
    kernel.at(5, undefined, 'e', () => log.push('c'));
    kernel.at(1, undefined, 'e', () => log.push('a'));
    kernel.at(5, undefined, 'e', () => log.push('d'));
    kernel.at(3, undefined, 'e', () => log.push('b'));
    await kernel.run(4);
    expect(log.join('')).toBe('ab');
    expect(kernel.now).toBe(4);
    await kernel.run(9);
    expect(log.join('')).toBe('abcd');
  });

  test('a long chain of promises ends before the next event', async () => {
    const { kernel, log } = setup();
    kernel.at(1, undefined, 'e', () => {
      let chain = Promise.resolve();
      for (let i = 0; i < 200; i++) chain = chain.then(async () => Promise.resolve());
      void chain.then(() => log.push('chain'));
    });
    kernel.at(1, undefined, 'e', () => log.push('next'));
    await kernel.run(2);
    expect(log).toEqual(['chain', 'next']);
  });

  test('that were cancelled do not run', async () => {
    const { kernel, log } = setup();
    const cancel = kernel.at(1, undefined, 'e', () => log.push('a'));
    cancel();
    await kernel.run(2);
    expect(log).toEqual([]);
  });

  test('that throw end the run', async () => {
    const { kernel } = setup();
    kernel.at(1, undefined, 'e', () => {
      throw new RangeError('x');
    });
    await expect(kernel.run(2)).rejects.toThrow('x');
  });

  test('make the trace: the same events the same hash, another time another', async () => {
    const hashOf = async (time: number): Promise<string> => {
      const { kernel } = setup();
      kernel.at(time, undefined, 'e', () => undefined);
      await kernel.run(9);
      return kernel.trace.text;
    };
    expect(await hashOf(1)).toBe(await hashOf(1));
    expect(await hashOf(1)).not.toBe(await hashOf(1.001));
  });
});

describe('a process', () => {
  test('that is paused gets everything when it is resumed, at once', async () => {
    const { kernel, process, log } = setup();
    process.after(1, () => log.push(`timer ${kernel.now}`));
    kernel.at(2, process, 'request', () => log.push(`request ${kernel.now}`));
    process.pause();
    kernel.at(10, undefined, 'e', () => process.resume());
    await kernel.run(20);
    expect(log.sort()).toEqual(['request 10', 'timer 10']);
  });

  test('that is killed gets nothing any more, nor does its successor get what was meant for it', async () => {
    const { kernel, process, log } = setup();
    process.after(5, () => log.push('old'));
    process.kill();
    const next = process.successor();
    next.after(5, () => log.push('new'));
    await kernel.run(20);
    expect(log).toEqual(['new']);
  });

  test('has clocks of its own', async () => {
    const { kernel, process } = setup();
    const [wall, monotonic] = [process.wall(), process.monotonic()];
    process.setClock({ offsetMs: 100, rate: 2 });
    expect(process.wall() - wall).toBe(100);
    await kernel.run(50);
    expect(process.wall() - wall).toBe(200);
    expect(process.monotonic() - monotonic).toBe(100);
  });
});

test('the same seed gives the same numbers, another seed others', () => {
  const numbers = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 5 }, () => random.uint32());
  };
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
});

test('random numbers are spread evenly', () => {
  const random = new Random(3);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[random.integer(0, 9)]!++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('real time, timers and chance throw while a run forbids them', () => {
  const { now } = Date;
  const allow = forbidAmbient();
  try {
    expect(() => Date.now()).toThrow(AmbientError);
    expect(() => Math.random()).toThrow(AmbientError);
    expect(() => setTimeout(() => undefined, 1)).toThrow(AmbientError);
  } finally {
    allow();
  }
  expect(Date.now).toBe(now);
});
