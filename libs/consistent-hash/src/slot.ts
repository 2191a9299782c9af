/** How many slots there are: as in Redis Cluster. */
export const SLOT_COUNT = 16_384;

const SLOT_MASK = SLOT_COUNT - 1;
const OPEN = 0x7b; // {
const CLOSE = 0x7d; // }

// CRC16/XMODEM: polynomial 0x1021, initial value 0, nothing reflected. ONE advances by one byte; TWO is ONE applied
// after a zero byte, so that two bytes cost two independent loads instead of two dependent ones.
const ONE = new Uint16Array(256);
const TWO = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  ONE[byte] = crc;
}
for (let byte = 0; byte < 256; byte++) {
  const crc = ONE[byte]!;
  TWO[byte] = ((crc << 8) & 0xffff) ^ ONE[crc >> 8]!;
}

const step = (crc: number, byte: number): number => ((crc << 8) & 0xffff) ^ ONE[(crc >> 8) ^ byte]!;

/** CRC16/XMODEM of `bytes[start..end)`, 0 to 65535. O(length), no allocation. */
export const crc16 = (bytes: Uint8Array, start = 0, end = bytes.length): number => {
  let crc = 0;
  let i = start;
  for (; i + 1 < end; i += 2) crc = TWO[(crc >> 8) ^ bytes[i]!]! ^ ONE[(crc & 0xff) ^ bytes[i + 1]!]!;
  return i < end ? step(crc, bytes[i]!) : crc;
};

/**
 * Slot of a key given as bytes, `bytes[start..end)`. Only the hash tag counts if there is one: what stands between the
 * first `{` and the first `}` after it, if that is not empty (Redis Cluster specification). O(length), no allocation.
 */
export const slotOfBytes = (bytes: Uint8Array, start = 0, end = bytes.length): number => {
  for (let open = start; open < end; open++) {
    if (bytes[open] !== OPEN) continue;
    for (let close = open + 1; close < end; close++) {
      if (bytes[close] !== CLOSE) continue;
      return (close > open + 1 ? crc16(bytes, open + 1, close) : crc16(bytes, start, end)) & SLOT_MASK;
    }
    break;
  }
  return crc16(bytes, start, end) & SLOT_MASK;
};

/**
 * Slot of a key given as a binary string: one char per byte (latin1), as a wire decoder delivers it. Of a char above 255
 * only the low byte counts. Hash tags as in {@link slotOfBytes}. O(length), no allocation.
 */
export const slotOfBinary = (key: string): number => {
  let start = 0;
  let end = key.length;
  const open = key.indexOf('{');
  if (open !== -1) {
    const close = key.indexOf('}', open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  let i = start;
  for (; i + 1 < end; i += 2) {
    crc = TWO[(crc >> 8) ^ (key.charCodeAt(i) & 0xff)]! ^ ONE[(crc & 0xff) ^ (key.charCodeAt(i + 1) & 0xff)]!;
  }
  return (i < end ? step(crc, key.charCodeAt(i) & 0xff) : crc) & SLOT_MASK;
};

/**
 * Slot of a text key: CRC16 over its UTF-8 bytes, encoded on the fly. A lone surrogate counts as U+FFFD, as `TextEncoder`
 * writes it. Hash tags as in {@link slotOfBytes}. O(length), no allocation.
 */
export const slotOf = (key: string): number => {
  let start = 0;
  let end = key.length;
  const open = key.indexOf('{');
  if (open !== -1) {
    const close = key.indexOf('}', open + 1);
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let i = start; i < end; i++) {
    let code = key.charCodeAt(i);
    if (code < 0x80) {
      crc = step(crc, code);
    } else if (code < 0x800) {
      crc = step(step(crc, 0xc0 | (code >> 6)), 0x80 | (code & 0x3f));
    } else {
      if (code >= 0xd800 && code <= 0xdfff) {
        const low = code < 0xdc00 && i + 1 < end ? key.charCodeAt(i + 1) : 0;
        if (low >= 0xdc00 && low <= 0xdfff) {
          code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
          i++;
          crc = step(step(crc, 0xf0 | (code >> 18)), 0x80 | ((code >> 12) & 0x3f));
          crc = step(step(crc, 0x80 | ((code >> 6) & 0x3f)), 0x80 | (code & 0x3f));
          continue;
        }
        code = 0xfffd;
      }
      crc = step(step(step(crc, 0xe0 | (code >> 12)), 0x80 | ((code >> 6) & 0x3f)), 0x80 | (code & 0x3f));
    }
  }
  return crc & SLOT_MASK;
};
