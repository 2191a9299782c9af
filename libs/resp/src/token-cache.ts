import { latin1Slice } from './slice.js';

const SLOTS = 1024;
/** Longer tokens are no command or option name: they are made anew each time. */
const MAX_TOKEN_BYTES = 32;

const slots: string[] = new Array<string>(SLOTS).fill('');

function upperByte(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
}

/**
 * The ASCII-upper-cased token in `bytes[start, end)`, without allocation when it was asked for before: a direct-mapped
 * table of recent tokens, compared byte for byte. Its size is fixed, and noise can only displace, never fill it.
 */
export function upperToken(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > MAX_TOKEN_BYTES) return upperCase(latin1Slice(bytes, start, end));
  let hash = length;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ upperByte(bytes[i]!), 0x01000193);
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const known = slots[slot]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === upperByte(bytes[start + i]!)) i++;
    if (i === length) return known;
  }
  return (slots[slot] = upperCase(latin1Slice(bytes, start, end)));
}

/** Upper-cases a-z only: `String.prototype.toUpperCase` would also change bytes above 0x7f (`ß` becomes `SS`). */
function upperCase(token: string): string {
  return token.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
