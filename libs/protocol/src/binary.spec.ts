import fc from 'fast-check';
import { fromBinary, fromBinaryStrict, isAscii, toBinary } from './binary.js';

describe('binary strings', () => {
  test('hold the UTF-8 bytes of any text, and give it back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const binary = toBinary(text);
        expect(Buffer.from(binary, 'latin1')).toEqual(Buffer.from(text, 'utf8'));
        expect(fromBinary(binary)).toBe(text);
        expect(fromBinaryStrict(binary)).toBe(text);
      }),
    );
  });

  test('keep a byte order mark', () => {
    expect(fromBinaryStrict(toBinary('\ufeffx'))).toBe('\ufeffx');
  });

  test('bytes that are not UTF-8 are told apart', () => {
    expect(fromBinaryStrict('\xff\xfe')).toBeUndefined();
    expect(fromBinary('\xff')).toBe('\ufffd');
  });

  test('ASCII is told from the rest', () => {
    expect(isAscii('a\x00\x7f')).toBe(true);
    expect(isAscii('\x80')).toBe(false);
  });
});
