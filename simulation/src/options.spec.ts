import { PLAN_VERSION } from './kernel/streams.js';
import { DEFAULT_SEEDS, OptionError, parseOptions } from './options.js';

test('defaults: the long run', () => {
  expect(parseOptions([], 2)).toEqual({
    ...{ from: 1, seeds: DEFAULT_SEEDS, workers: 2, faults: undefined, disks: undefined, mutant: undefined },
    ...{ trace: false, mutants: false, scale: false },
  });
});

test('the mutants are run alone, or after seeds', () => {
  expect(parseOptions(['--mutants'], 2)).toMatchObject({ seeds: 0, mutants: true });
  expect(parseOptions(['--mutants', '--seeds', '5'], 2)).toMatchObject({ seeds: 5, mutants: true });
});

test('one seed is run alone', () => {
  expect(parseOptions(['--seed', '17', '--trace'], 8)).toMatchObject({ from: 17, seeds: 1, workers: 1, trace: true });
});

test('a seed may name its plan', () => {
  expect(parseOptions(['--seed', `${PLAN_VERSION}:17`], 8)).toMatchObject({ from: 17, seeds: 1 });
});

test('several faults are joined by a plus', () => {
  expect(parseOptions(['--fault', 'crash+slow'], 8)).toMatchObject({ faults: ['crash', 'slow'] });
  expect(parseOptions(['--fault', 'swarm'], 8)).toMatchObject({ faults: 'swarm' });
});

test.each([
  ['--seeds', '0'],
  ['--seed', `${PLAN_VERSION - 1}:17`],
  ['--fault', 'crash+earthquake'],
  ['--from', '1.5'],
  ['--workers', 'x'],
  ['--fault', 'earthquake'],
  ['--disks', 'some'],
  ['--mutant', 'none'],
])('%s %s is refused in words', (option, value) => {
  expect(() => parseOptions([option, value], 2)).toThrow(OptionError);
  expect(() => parseOptions([option, value], 2)).toThrow(option);
});
