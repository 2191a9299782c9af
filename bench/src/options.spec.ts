import { BENCHMARKS, parseOptions } from './options.js';
import { parseRedisBenchmark } from './redis-benchmark.js';
import { table } from './report.js';
import { median } from './statistics.js';

test('without options everything is measured five times', () => {
  expect(parseOptions([])).toEqual({ rounds: 5, seconds: 2, only: BENCHMARKS });
});

test('options are taken', () => {
  expect(parseOptions(['--rounds', '7', '--seconds', '0.5', '--only', 'resp,lru'])).toEqual({
    rounds: 7,
    seconds: 0.5,
    only: ['resp', 'lru'],
  });
});

test.each([
  [['--rounds', '0'], /--rounds: got "0", expected an integer from 1/],
  [['--rounds', '1.5'], /--rounds/],
  [['--seconds', ''], /--seconds: got ""/],
  [['--only', 'http,grpc'], /--only: got "grpc", expected http, resp/],
  [['--fast'], /--fast/],
])('%j is refused', (args, message) => expect(() => parseOptions(args)).toThrow(message));

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[7], 7],
  [[], NaN],
])('the median of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

test('a table is aligned', () => {
  expect(table(['a', 'long'], [['value', '1']])).toBe('| a     | long |\n| ----- | ---- |\n| value | 1    |');
});

test('the rate of redis-benchmark is read from its CSV', () => {
  const csv = '"test","rps","avg_latency_ms"\n"SET","1.5","0"\n"GET","123456.79","0.2"\n';
  expect(parseRedisBenchmark(csv, 'GET')).toBe(123456.79);
  expect(() => parseRedisBenchmark('WARNING: nothing', 'GET')).toThrow(/no rate for GET/);
});
