import { MAX_EXPIRES_AT } from '@dcs/protocol';
import { RequestDecoder } from '@dcs/resp';
import { type ExpiryUnit, parseExpiry } from './expiry.js';

const NOW = 1_700_000_000_000.5;
const TODAY = 1_700_000_000_000;
const INVALID = "-ERR invalid expire time in 'set' command\r\n";
const NO_INTEGER = '-ERR value is not an integer or out of range\r\n';

function parse(unit: ExpiryUnit, text: string, allowPast = false): number | string {
  const decoder = new RequestDecoder({ maxArguments: 10, maxBulkBytes: 1000, maxRequestBytes: 1000 });
  decoder.push(Buffer.from(`*1\r\n$${text.length}\r\n${text}\r\n`));
  decoder.next();
  return parseExpiry(decoder, 0, unit, NOW, 'SET', allowPast);
}

// Asked of Redis 7: what it takes, what it refuses, and with which words.
test.each<[ExpiryUnit, string, number | string]>([
  ['EX', '1', TODAY + 1000],
  ['EX', '300000000000', TODAY + 300_000_000_000_000],
  ['PX', '300000000000000', TODAY + 300_000_000_000_000],
  ['EXAT', '300000000000', 300_000_000_000_000],
  ['PXAT', '9007199254740991', MAX_EXPIRES_AT],
  ['PXAT', '9223372036854775807', MAX_EXPIRES_AT],
  ['EX', '9223370000000000', MAX_EXPIRES_AT],
  ['EX', '9223372036854775', INVALID], // its sum with the time of today has 64 bits
  ['EX', '9223372036854776', INVALID],
  ['EXAT', '9223372036854775', MAX_EXPIRES_AT],
  ['EXAT', '9223372036854776', INVALID],
  ['PX', '9223372036854775807', INVALID],
  ['PX', '9223372036854775808', NO_INTEGER],
  ['PX', '99999999999999999999', NO_INTEGER],
  ['EX', '0', INVALID],
  ['EX', '-1', INVALID],
  ['PXAT', '-9223372036854775808', INVALID],
  ['PXAT', '-9223372036854775809', NO_INTEGER],
  ['EX', '1.5', NO_INTEGER],
  ['EX', '1e3', NO_INTEGER],
  ['EX', '', NO_INTEGER],
])('%s %s: %s', (unit, text, expected) => expect(parse(unit, text)).toBe(expected));

test.each<[ExpiryUnit, string, number | string]>([
  ['EX', '-1', TODAY - 1000],
  ['EX', '-9223372036854775', -MAX_EXPIRES_AT],
  ['EX', '-9223372036854776', INVALID],
  ['PXAT', '-9223372036854775808', -MAX_EXPIRES_AT],
])('where a time may be past, %s %s: %s', (unit, text, expected) => expect(parse(unit, text, true)).toBe(expected));
