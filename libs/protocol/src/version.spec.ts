import fc from 'fast-check';
import {
  compareVersions,
  formatVersion,
  makeVersion,
  MAX_COUNTER,
  nextVersion,
  originOf,
  parseVersion,
  previousVersion,
} from './version.js';

const version = fc
  .tuple(fc.nat(2 ** 48 - 2), fc.nat(MAX_COUNTER), fc.nat(2 ** 32 - 1))
  .map(([ms, counter, origin]) => makeVersion(ms, counter, origin));

/** One wrong digit at each place, next to the right ones in the code table. */
const spoilt = Array.from({ length: 24 }, (_, i) => `${'0'.repeat(i)}${'/:`gF-'[i % 6]}${'f'.repeat(23 - i)}`);

describe('versions', () => {
  test('text round-trips, and sorts as the versions do', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(parseVersion(formatVersion(a))).toEqual(a);
        const [x, y] = [formatVersion(a), formatVersion(b)];
        expect(Math.sign(compareVersions(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });

  test('the previous version is the greatest that is smaller', () => {
    fc.assert(
      fc.property(version, (a) => {
        if (compareVersions(a, makeVersion(0, 0, 0)) === 0) return;
        const before = previousVersion(a);
        expect(compareVersions(before, a)).toBeLessThan(0);
        expect(parseVersion(formatVersion(before))).toEqual(before);
      }),
    );
    expect(previousVersion(makeVersion(5, 3, 7))).toEqual(makeVersion(5, 3, 6));
    expect(previousVersion(makeVersion(5, 3, 0))).toEqual(makeVersion(5, 2, 2 ** 32 - 1));
    expect(previousVersion(makeVersion(5, 0, 0))).toEqual(makeVersion(4, MAX_COUNTER, 2 ** 32 - 1));
  });

  test('the next version is greater and carries the origin asked for', () => {
    fc.assert(
      fc.property(version, fc.nat(2 ** 32 - 1), (v, origin) => {
        const next = nextVersion(v, origin);
        expect(compareVersions(next, v)).toBeGreaterThan(0);
        expect(originOf(next)).toBe(origin);
      }),
    );
  });

  test('a full counter carries into the milliseconds', () => {
    expect(nextVersion(makeVersion(5, MAX_COUNTER, 1), 2)).toEqual(makeVersion(6, 0, 2));
  });

  test.each(['', 'xyz', 'A'.repeat(24), '0'.repeat(23), '0'.repeat(25), ' '.repeat(24), ...spoilt])(
    'refuses the text %j',
    (text) => {
      expect(() => parseVersion(text)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_VERSION_TEXT' }));
    },
  );

  test('refuses to write a part that has outgrown its 48 bits', () => {
    expect(() => formatVersion({ ms: 2 ** 48, low: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_PROTOCOL_VERSION_RANGE' }),
    );
  });
});
