import { Streams } from './streams.js';

const numbers = (seed: number, name: string): number[] => {
  const random = new Streams(seed).of(name);
  return Array.from({ length: 5 }, () => random.uint32());
};

test('a stream is a function of seed and name', () => {
  expect(numbers(7, 'network')).toEqual(numbers(7, 'network'));
  expect(numbers(7, 'network')).not.toEqual(numbers(8, 'network'));
  expect(numbers(7, 'network')).not.toEqual(numbers(7, 'registry'));
});

test('names and seeds that are close give streams that are not', () => {
  const firsts = new Set<number>();
  for (let seed = 1; seed <= 100; seed++) {
    for (let i = 0; i < 40; i++) firsts.add(numbers(seed, `fault:f${i}`)[0]!);
  }
  expect(firsts.size).toBe(4000);
});
