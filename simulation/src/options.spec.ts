import { DEFAULT_SEEDS, OptionError, parseOptions } from './options.js';

test('defaults: the long run', () => {
  expect(parseOptions([], 2)).toEqual({
    ...{ from: 1, seeds: DEFAULT_SEEDS, workers: 2, fault: undefined, disks: undefined, mutant: undefined },
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

test.each([
  ['--seeds', '0'],
  ['--from', '1.5'],
  ['--workers', 'x'],
  ['--fault', 'earthquake'],
  ['--disks', 'some'],
  ['--mutant', 'none'],
])('%s %s is refused in words', (option, value) => {
  expect(() => parseOptions([option, value], 2)).toThrow(OptionError);
  expect(() => parseOptions([option, value], 2)).toThrow(option);
});
