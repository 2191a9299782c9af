import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MachineClock, type MachineClockOptions } from './machine-clock.js';

describe('MachineClock', () => {
  let directory: string;
  let machine: { wallMs: number; monotonicMs: number; bootId: string | undefined };
  let writers = 0;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'clock-'));
    machine = { wallMs: 1_700_000_000_000, monotonicMs: 5_000, bootId: 'boot-1' };
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** A process that started when the machine's monotonic clock was at 2000. */
  const open = (rest: Partial<MachineClockOptions> = {}): MachineClock =>
    new MachineClock({
      directory,
      writer: `w${++writers}`,
      machineMs: () => machine.monotonicMs,
      monotonic: () => machine.monotonicMs - 2_000,
      wall: () => machine.wallMs,
      bootId: machine.bootId,
      ...rest,
    });
  const timeOf = async (clock: MachineClock): Promise<number> => {
    await clock.look();
    return clock.reading!.offsetMs + machine.monotonicMs - 2_000;
  };
  const pass = (ms: number): void => {
    machine.wallMs += ms;
    machine.monotonicMs += ms;
  };

  test('knows nothing before it has looked, then says what the wall clock said', async () => {
    const clock = open();
    expect(clock.reading).toBeUndefined();
    expect(await timeOf(clock)).toBe(1_700_000_000_000);
  });

  test.each([3_600_000, -86_400_000])(
    'is the same in all processes of one boot, those that start after the wall clock was set by %s ms too',
    async (step) => {
      const first = open();
      expect(await timeOf(first)).toBe(1_700_000_000_000);
      pass(500);
      machine.wallMs += step;
      expect(await timeOf(first)).toBe(1_700_000_000_500);
      expect(await timeOf(open())).toBe(1_700_000_000_500);
    },
  );

  test('is the same in processes that start at once', async () => {
    const clocks = Array.from({ length: 10 }, (_, i) => open({ wall: () => machine.wallMs + i }));
    const times = await Promise.all(clocks.map(timeOf));
    expect(new Set(times).size).toBe(1);
    expect((await readdir(directory)).filter((name) => name.startsWith('tmp'))).toEqual([]);
  });

  test('gives the same reading until there is another', async () => {
    const clock = open();
    await clock.look();
    const { reading } = clock;
    await clock.look();
    expect(clock.reading).toBe(reading);
  });

  test('puts the base back when the directory was wiped', async () => {
    const first = open();
    await first.look();
    await rm(directory, { recursive: true });
    machine.wallMs += 3_600_000;
    await first.look();
    expect(await timeOf(open())).toBe(1_700_000_000_000);
  });

  test('takes the wall clock again after a boot, and forgets the boot before', async () => {
    await open().look();
    machine = { wallMs: 1_700_000_900_000, monotonicMs: 2_500, bootId: 'boot-2' };
    expect(await timeOf(open())).toBe(1_700_000_900_000);
    expect(await readdir(directory)).toEqual(['clock.boot-2']);
  });

  test('makes a damaged base anew', async () => {
    await writeFile(join(directory, 'clock.boot-1'), 'x');
    expect(await timeOf(open())).toBe(1_700_000_000_000);
    expect(await timeOf(open({ wall: () => 0 }))).toBe(1_700_000_000_000);
  });

  test('without a name of the boot, a base that contradicts the wall clock by more than a minute is of an earlier one', async () => {
    machine.bootId = undefined;
    await open().look();
    machine.wallMs += 59_000;
    expect(await timeOf(open())).toBe(1_700_000_000_000);
    machine = { wallMs: 1_700_000_900_000, monotonicMs: 2_500, bootId: undefined };
    expect(await timeOf(open())).toBe(1_700_000_900_000);
  });
});
