import {
  decodeHeader,
  encodeHeader,
  KIND_JSON,
  KIND_STRING,
  KIND_TOMBSTONE,
  rawContentType,
  rawKind,
} from './entry-header.js';
import { makeVersion } from './version.js';

const version = makeVersion(1_700_000_000_000, 4, 99);

describe('entry headers', () => {
  test.each([
    KIND_STRING,
    KIND_JSON,
    KIND_TOMBSTONE,
    rawKind('image/png'),
    rawKind('text/plain; charset=utf-8'),
    rawKind(''),
  ])('round-trip with kind %j', (kind) => {
    expect(decodeHeader(encodeHeader(version, 1_700_000_001_000, kind))).toEqual({
      version,
      expiresAt: 1_700_000_001_000,
      kind,
    });
    expect(decodeHeader(encodeHeader(version, 0, kind)).expiresAt).toBe(0);
  });

  test('an expiry with a fraction, as nodes of before sent it, is the next ms', () => {
    expect(decodeHeader(`${'0'.repeat(24)} 1.25 s`).expiresAt).toBe(2);
  });

  test('only raw kinds have a content type', () => {
    expect(rawContentType(rawKind('image/png'))).toBe('image/png');
    expect(rawContentType(KIND_STRING)).toBeUndefined();
  });

  test.each([
    '',
    'x',
    '0'.repeat(24),
    `${'0'.repeat(24)} 5`,
    `${'0'.repeat(24)} 5 `,
    `${'0'.repeat(24)} -1 s`,
    `${'0'.repeat(24)} x s`,
    `${'0'.repeat(24)} 1. s`,
    `${'0'.repeat(24)} 1e3 s`,
    `${'0'.repeat(24)} 0x10 s`,
    `${'0'.repeat(24)} Infinity s`,
    `${'0'.repeat(24)} 9007199254740992 s`,
    `${'0'.repeat(24)}  s`,
  ])('refuses %j', (text) => {
    expect(() => decodeHeader(text)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL_HEADER' }));
  });
});
