import fc from 'fast-check';
import { MAX_JSON_DEPTH, MAX_JSON_ELEMENTS, scanJson, splitArray } from './json-scan.js';

const MIB = 2 ** 20;
const bytes = (text: string) => Buffer.from(text, 'utf8');
const spaced = fc.constantFrom(0, 2);

test('counts the commas of the outermost container, not those of strings, whatever is in them', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), spaced, (object, indent) => {
      const { commas } = scanJson(bytes(JSON.stringify(object, null, indent)));
      expect(commas).toBe(Math.max(0, Object.keys(object).length - 1));
    }),
  );
});

test('says of no value that it takes more than it does, however it is written', () => {
  const escaped = (text: string) => text.replace(/[a-z]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  fc.assert(
    fc.property(fc.jsonValue(), spaced, (value, indent) => {
      const text = JSON.stringify(value);
      expect(scanJson(bytes(JSON.stringify(value, null, indent))).minBytes).toBeLessThanOrEqual(bytes(text).length);
    }),
  );
  const text = JSON.stringify(['abc"\\', 1]);
  expect(scanJson(bytes(escaped(text))).minBytes).toBeLessThanOrEqual(text.length);
  expect(scanJson(bytes(`"${'\\u0001'.repeat(1000)}"`)).minBytes).toBe(1002);
  expect(scanJson(bytes('x'.repeat(3))).minBytes).toBe(1);
});

test('the items of an array are parsed alone to what they are in it, also those of what is no JSON', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), spaced, (items, indent) => {
      const split = splitArray(bytes(` ${JSON.stringify(items, null, indent)}\n`))!;
      expect(split.map((item) => JSON.parse(item.toString()) as unknown)).toEqual(JSON.parse(JSON.stringify(items)));
    }),
  );
  const broken = fc.array(fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '\\', '1', ' '), { maxLength: 12 });
  const parse = (text: string) => {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      return undefined;
    }
  };
  fc.assert(
    fc.property(broken, (pieces) => {
      const text = `[${pieces.join('')}]`;
      const items = splitArray(bytes(text))!.map((item) => parse(item.toString()));
      const whole = items.includes(undefined) ? undefined : { value: items.map((item) => item!.value) };
      expect(whole).toEqual(parse(text));
    }),
    { numRuns: 2000 },
  );
});

test.each(['', ' ', '{}', '[', ']', '"[]"', '1'])('%j is no array', (text) => {
  expect(splitArray(bytes(text))).toBeUndefined();
});

test('what is nested too deeply is refused before it is parsed', () => {
  const nested = (depth: number) => bytes('['.repeat(depth) + ']'.repeat(depth));
  expect(() => scanJson(nested(MAX_JSON_DEPTH))).not.toThrow();
  expect(() => scanJson(nested(MAX_JSON_DEPTH + 1))).toThrow('value is nested too deeply');
  expect(() => scanJson(bytes('['.repeat(6 * MIB)))).toThrow('value is nested too deeply');
});

test.each([
  ['fields', `{${Array.from({ length: MAX_JSON_ELEMENTS }, (_, i) => `"${i}":0`).join(',')}}`],
  ['arrays', `[${'[],'.repeat(MAX_JSON_ELEMENTS)}0]`],
  ['objects', `[${'{},'.repeat(MAX_JSON_ELEMENTS)}0]`],
])('too many %s are refused before they are parsed', (_, text) => {
  expect(() => scanJson(bytes(text))).toThrow(`at most ${MAX_JSON_ELEMENTS} objects, arrays and fields, got 131073`);
});

test('a large array of numbers or texts is none of that', () => {
  expect(() => scanJson(bytes(`[${'0,'.repeat(400_000)}0]`))).not.toThrow();
  expect(() => scanJson(bytes(`[${'"a",'.repeat(200_000)}0]`))).not.toThrow();
});
