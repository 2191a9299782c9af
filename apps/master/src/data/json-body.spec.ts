import fc from 'fast-check';
import { commasAtDepth } from './json-body.js';

test('counts the commas of containers, not those of strings, whatever is in them', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (object, indent) => {
      const fields = Object.keys(object).length;
      expect(commasAtDepth(JSON.stringify(object, null, indent), 1)).toBe(Math.max(0, fields - 1));
      const items = [object, object];
      expect(commasAtDepth(JSON.stringify(items, null, indent), 2)).toBe(2 * Math.max(0, fields - 1));
    }),
  );
});
