import { invalid } from './errors.js';

// A local: a lookup of the global in every step is slow where globals are intercepted (test runners, VM contexts).
const imul = Math.imul;

// Odd multipliers with well-spread bits (from MurmurHash3, Appleby 2011, and xxHash, Collet 2012).
const M1 = 0x85ebca6b;
const M2 = 0xc2b2ae35;
const M3 = 0x27d4eb2f;

const KEY = 'a string or a finite number';

const float = new Float64Array(1);
const halves = new Int32Array(float.buffer);

/**
 * The seeded int32 hash of a cache key: O(length) for a string, O(1) for a number. Two independent multiply lanes
 * take the characters in turn, so the processor overlaps them; MurmurHash3's finalizer spreads the result over all
 * 32 bits. It keeps clients who do not know the seed from guessing colliding keys; it is not a cryptographic hash.
 *
 * @throws LruCacheError `ERR_KEY_INVALID` for what is neither a string nor a finite number
 */
export function hashKey(key: string | number, seed: number): number {
  if (typeof key === 'string') return hashString(key, seed);
  if (typeof key === 'number') return hashNumber(key, seed);
  throw invalid('ERR_KEY_INVALID', 'key', key, KEY);
}

function hashString(key: string, seed: number): number {
  const length = key.length;
  const even = length & ~1;
  let a = seed;
  let b = ~seed;
  for (let i = 0; i < even; i += 2) {
    a = imul(a ^ key.charCodeAt(i), M1);
    b = imul(b ^ key.charCodeAt(i + 1), M2);
  }
  if (even !== length) a = imul(a ^ key.charCodeAt(even), M3);
  return finalize(a ^ ((b << 15) | (b >>> 17)) ^ length);
}

/** Integers of 32 bits by value; other finite numbers by their IEEE 754 bits. -0 is 0. */
function hashNumber(key: number, seed: number): number {
  if (key === (key | 0)) return finalize(imul(key ^ seed, M1));
  float[0] = plainNumber(key);
  return finalize(imul(halves[0]! ^ seed, M1) ^ imul(halves[1]! ^ ~seed, M2));
}

function finalize(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = imul(h, M1);
  h ^= h >>> 13;
  h = imul(h, M2);
  return h ^ (h >>> 16);
}

/** The number as it is stored: -0 becomes 0. @throws LruCacheError `ERR_KEY_INVALID` unless it is a finite number */
export function plainNumber(key: unknown): number {
  if (typeof key !== 'number' || !Number.isFinite(key)) throw invalid('ERR_KEY_INVALID', 'key', key, KEY);
  return key + 0;
}

/** An unguessable seed for one cache. */
export function randomSeed(): number {
  return globalThis.crypto.getRandomValues(new Int32Array(1))[0]!;
}
