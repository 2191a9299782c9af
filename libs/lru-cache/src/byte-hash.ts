const imul = Math.imul;

// As for strings (hash.ts): odd multipliers with well-spread bits, two lanes, MurmurHash3's finalizer.
const M1 = 0x85ebca6b;
const M2 = 0xc2b2ae35;
const M3 = 0x27d4eb2f;

/**
 * The seeded int32 hash of `length` bytes from `start` on, O(length). It takes eight bytes at a time, four in each of
 * two multiply lanes. It keeps clients who do not know the seed from guessing colliding keys; it is not a cryptographic
 * hash.
 */
export function hashBytes(bytes: Uint8Array, start: number, length: number, seed: number): number {
  let a = seed;
  let b = ~seed;
  let at = start;
  for (let left = length >>> 3; left > 0; left--, at += 8) {
    a = imul(a ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)), M1);
    b = imul(b ^ (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)), M2);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  for (const end = start + length; at < end; at++) a = imul(a ^ bytes[at]!, M3);
  let h = a ^ ((b << 15) | (b >>> 17)) ^ length;
  h = imul(h ^ (h >>> 16), M1);
  h = imul(h ^ (h >>> 13), M2);
  return h ^ (h >>> 16);
}
