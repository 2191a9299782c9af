import fc from 'fast-check';
import { globMatcher, MAX_PATTERN_BYTES } from './glob.js';

test.each([
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['?', 'a', true],
  ['?', '', false],
  ['h*o', 'hello', true],
  ['h*l', 'hello', false],
  ['*l*l*', 'hello', true],
  ['h[ae]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-b]llo', 'hbllo', true],
  ['h[b-a]llo', 'hbllo', true],
  ['[\\]]', ']', true],
  ['[a', 'a', true],
  ['\\*', '*', true],
  ['\\*', 'x', false],
  ['a\\', 'a\\', true],
  ['*\xff', 'a\xff', true],
])('pattern %j and key %j: %j', (pattern, key, expected) => {
  expect(globMatcher(pattern)!(key)).toBe(expected);
});

test('stars and question marks match what a regular expression does', () => {
  const letters = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 });
  fc.assert(
    fc.property(letters('ab*?'), letters('ab'), (pattern, key) => {
      const regex = new RegExp(`^${pattern.replace(/\*/g, '.*').replace(/\?/g, '.')}$`);
      expect(globMatcher(pattern)!(key)).toBe(regex.test(key));
    }),
  );
});

test('a pattern of many stars is answered at once', () => {
  const startedAt = performance.now();
  expect(globMatcher('a*'.repeat(200) + 'b')!('a'.repeat(400))).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(4000);
});

test('a pattern that would take seconds for a key is none', () => {
  expect(globMatcher('x'.repeat(MAX_PATTERN_BYTES))).toBeDefined();
  expect(globMatcher('x'.repeat(MAX_PATTERN_BYTES + 1))).toBeUndefined();
});
