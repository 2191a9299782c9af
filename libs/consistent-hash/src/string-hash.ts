// Held in a constant: inside a `vm` context every read of a global is a slow look-up.
const { imul } = Math;

/** MurmurHash3's 32-bit finalizer (Appleby, 2011): a bijection in which every input bit flips every output bit with p ~ 1/2. */
export const mix32 = (x: number): number => {
  x = imul(x ^ (x >>> 16), 0x85ebca6b);
  x = imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
};

/**
 * The default hash of {@link HashRing}: two multiply-xor lanes over the UTF-16 code units, joined by a full avalanche,
 * because a ring looks at the high bits first and bare FNV-1a is weak there. Unsigned 32 bits, the same on every machine.
 *
 * It has no key: who may choose keys can make them collide, so it spreads load but guards nothing.
 * O(length), no allocation.
 *
 * @param seed varies the function; 0 is what the ring uses.
 */
export const hashString = (text: string, seed = 0): number => {
  const { length } = text;
  const even = length & ~1;
  let a = 0x811c9dc5 ^ seed;
  let b = 0x9e3779b9 ^ length;
  for (let i = 0; i < even; i += 2) {
    a = imul(a ^ text.charCodeAt(i), 0x01000193);
    b = imul(b ^ text.charCodeAt(i + 1), 0x5bd1e995);
  }
  if (even !== length) a = imul(a ^ text.charCodeAt(even), 0x01000193);
  // The lanes meet only after one of them is mixed, so that no pair of differences cancels.
  return mix32(mix32(a) + b);
};
