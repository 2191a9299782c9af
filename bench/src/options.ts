import { parseArgs } from 'node:util';

export const BENCHMARKS = ['http', 'resp', 'durability', 'lru', 'memory', 'ring', 'backup'] as const;
export type Benchmark = (typeof BENCHMARKS)[number];

export interface Options {
  /** Measurements of each subject; their median counts. @defaultValue 5 */
  readonly rounds: number;
  /** Length of one HTTP measurement. @defaultValue 2 */
  readonly seconds: number;
  /** @defaultValue all */
  readonly only: readonly Benchmark[];
}

/** @throws Error that names the option, what it got and what it wants */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string' } },
  });
  const only = values.only?.split(',') ?? BENCHMARKS;
  for (const name of only) {
    if (!isBenchmark(name)) throw new Error(`--only: got ${JSON.stringify(name)}, expected ${BENCHMARKS.join(', ')}`);
  }
  return {
    rounds: number('--rounds', values.rounds ?? '5', 1, 100, true),
    seconds: number('--seconds', values.seconds ?? '2', 0.5, 600, false),
    only: only.filter(isBenchmark),
  };
}

function isBenchmark(name: string): name is Benchmark {
  return (BENCHMARKS as readonly string[]).includes(name);
}

function number(name: string, text: string, min: number, max: number, whole: boolean): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  throw new Error(
    `${name}: got ${JSON.stringify(text)}, expected ${whole ? 'an integer' : 'a number'} from ${min} to ${max}`,
  );
}
