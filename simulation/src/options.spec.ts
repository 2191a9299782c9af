import { DEFAULT_SEEDS, OptionError, parseOptions } from './options.js';

test('defaults: what the build checks', () => {
  expect(parseOptions([], 2)).toEqual({
    ...{ from: 1, seeds: DEFAULT_SEEDS, workers: 2, fault: undefined, mutant: undefined, trace: false, mode: 'seeds' },
  });
});

test('one seed is run alone', () => {
  expect(parseOptions(['--seed', '17', '--trace'], 8)).toMatchObject({ from: 17, seeds: 1, workers: 1, trace: true });
});

test.each([
  ['--seeds', '0'],
  ['--from', '1.5'],
  ['--workers', 'x'],
  ['--fault', 'earthquake'],
  ['--mutant', 'none'],
])('%s %s is refused in words', (option, value) => {
  expect(() => parseOptions([option, value], 2)).toThrow(OptionError);
  expect(() => parseOptions([option, value], 2)).toThrow(option);
});
