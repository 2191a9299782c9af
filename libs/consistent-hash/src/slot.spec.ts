import * as fc from 'fast-check';
import { crc16, SLOT_COUNT, slotOf, slotOfBinary, slotOfBytes } from './slot.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** The bitwise definition, as a model of the tables. */
const crcModel = (bytes: Uint8Array): number => {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
};

describe('crc16', () => {
  it('gives the check value of CRC16/XMODEM', () => {
    expect(crc16(utf8('123456789'))).toBe(0x31c3);
  });

  it('is 0 for nothing', () => {
    expect(crc16(new Uint8Array())).toBe(0);
  });

  it('agrees with the bitwise definition on any bytes and any range of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.nat(40), (bytes, a, b) => {
        const start = Math.min(a, b, bytes.length);
        const end = Math.min(Math.max(a, b), bytes.length);
        expect(crc16(bytes)).toBe(crcModel(bytes));
        expect(crc16(bytes, start, end)).toBe(crcModel(bytes.subarray(start, end)));
      }),
    );
  });
});

describe('slotOf', () => {
  // CLUSTER KEYSLOT of a Redis server, and the examples of the Redis Cluster specification.
  it.each([
    ['foo', 12182],
    ['bar', 5061],
    ['hello', 866],
    ['somekey', 11058],
    ['foo{hash_tag}', 2515],
    ['foo{{bar}}zap', 4015],
    ['foo{bar}{zap}', 5061],
    ['foo{}{bar}', 8363],
    ['}foo{bar}', 5061],
    ['{user1000}.following', 3443],
    ['{user1000}.followers', 3443],
    ['123456789', 0x31c3 % SLOT_COUNT],
    ['', 0],
  ])('puts %j where Redis puts it', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
    expect(slotOfBinary(key)).toBe(slot);
    expect(slotOfBytes(utf8(key))).toBe(slot);
  });

  it('hashes the UTF-8 bytes of a key as Redis does', () => {
    expect(slotOf('ключ')).toBe(10303);
  });

  it.each([
    ['{user1000}.following', 'user1000'],
    ['{user1000}.followers', 'user1000'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar}{zap}', 'bar'],
    ['}foo{bar}', 'bar'],
  ])('hashes only the tag of %j', (key, tag) => {
    const slot = crcModel(utf8(tag)) % SLOT_COUNT;
    expect(slotOf(key)).toBe(slot);
    expect(slotOfBinary(key)).toBe(slot);
    expect(slotOfBytes(utf8(key))).toBe(slot);
  });

  it.each(['foo{}{bar}', 'foo{bar', 'foo}bar{', '{}', '{', '}{', 'a{}'])('hashes the whole of %j', (key) => {
    const slot = crcModel(utf8(key)) % SLOT_COUNT;
    expect(slotOf(key)).toBe(slot);
    expect(slotOfBinary(key)).toBe(slot);
    expect(slotOfBytes(utf8(key))).toBe(slot);
  });

  it('counts a text key by its UTF-8 bytes, whatever it holds, lone surrogates included', () => {
    const unit = fc.oneof(
      fc.constantFrom('{', '}', '\0', '\r\n', 'ключ', '\u{1f600}', '\ud800', '\udc00'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 12 }), (parts) => {
        const key = parts.join('');
        const bytes = utf8(key);
        expect(slotOf(key)).toBe(slotOfBytes(bytes));
        expect(slotOf(key)).toBe(slotOfBinary(latin1(bytes)));
      }),
      { numRuns: 500 },
    );
  });

  it('finds the same slot for bytes inside a larger buffer, without looking outside the range', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{', '}', 'a', 'b', 'é'), { maxLength: 12 }),
        fc.constantFrom('', '{', '}', '{x}'),
        (parts, around) => {
          const key = utf8(parts.join(''));
          const margin = utf8(around);
          const whole = new Uint8Array([...margin, ...key, ...margin]);
          expect(slotOfBytes(whole, margin.length, margin.length + key.length)).toBe(slotOfBytes(key));
        },
      ),
    );
  });

  it('does not end a tag at the surrogate pair that the tag would cut', () => {
    expect(slotOf('{\ud83d}\ude00')).toBe(slotOfBytes(utf8('{\ud83d}\ude00')));
  });
});
