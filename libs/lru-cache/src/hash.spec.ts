import { hashKey } from './hash.js';
import { LruCache } from './index.js';

/** Largest deviation of a bucket from the mean, in standard deviations, over `bits` low bits. */
function deviation(keys: (string | number)[], bits: number, seed: number): number {
  const counts = new Array<number>(2 ** bits).fill(0);
  for (const key of keys) counts[hashKey(key, seed) & (2 ** bits - 1)]!++;
  const mean = keys.length / counts.length;
  return Math.max(...counts.map((count) => Math.abs(count - mean) / Math.sqrt(mean)));
}

const N = 20_000;
const families: Record<string, (i: number) => string | number> = {
  'padded numbers': (i) => `user:${String(i).padStart(15, '0')}`,
  'bare numbers': (i) => String(i),
  'numbers in front': (i) => `${i}:profile:settings`,
  'two characters': (i) => String.fromCharCode(i & 255, i >>> 8),
  'far code units': (i) => String.fromCharCode(0x4e00 + (i % 5_000), 0xac00 + (i >> 4)),
  integers: (i) => i,
  'multiples of 4096': (i) => i * 4096,
  'negative integers': (i) => -i,
  fractions: (i) => i / 1024 + 0.0001,
  'large numbers': (i) => 2 ** 40 + i * 2 ** 20,
};

describe('hashKey', () => {
  it.each(Object.keys(families))('spreads %s evenly over the low bits', (name) => {
    const keys = Array.from({ length: N }, (_, i) => families[name]!(i));
    for (const seed of [0, 1, -1, 0x12345678]) expect(deviation(keys, 10, seed)).toBeLessThan(6);
  });

  it.each(Object.keys(families))('has about as few collisions on %s as chance', (name) => {
    const keys = new Set(Array.from({ length: N }, (_, i) => families[name]!(i)));
    const hashes = new Set([...keys].map((key) => hashKey(key, 99)));
    expect(keys.size - hashes.size).toBeLessThanOrEqual(3); // 0.05 are expected
  });

  it('is an int32 that depends on the whole key and on the seed', () => {
    const long = 'x'.repeat(999);
    const keys = [`${long}a`, `a${long}`, long, `${long}x`, '', '\0', '\0\0', 'a', 'b', 0, 1, -1, 0.5, '0', '1'];
    const hashes = keys.map((key) => hashKey(key, 5));
    expect(new Set(hashes).size).toBe(keys.length);
    for (const hash of hashes) expect(hash).toBe(hash | 0);
    for (const key of keys) expect(hashKey(key, 5)).not.toBe(hashKey(key, 6));
  });

  it('differs from cache to cache unless the seed is given', () => {
    const hashOf = (seed?: number) =>
      new LruCache(seed === undefined ? { maxEntries: 1 } : { maxEntries: 1, seed }).hashOf('key');
    expect(new Set(Array.from({ length: 8 }, () => hashOf())).size).toBeGreaterThan(6);
    expect(hashOf(42)).toBe(hashOf(42));
  });
});

describe('a hash that is handed in', () => {
  it('finds every key though all collide', () => {
    const cache = new LruCache<string | number, number>({ maxEntries: 300 });
    for (let i = 0; i < 500; i++) cache.set(i % 2 ? i : `${i}`, i, undefined, 1234);
    for (let i = 0; i < 500; i++) expect(cache.get(i % 2 ? i : `${i}`, 1234)).toBe(i < 200 ? undefined : i);
    for (let i = 200; i < 500; i += 3) expect(cache.delete(i % 2 ? i : `${i}`, 1234)).toBe(true);
    for (let i = 200; i < 500; i++) expect(cache.has(i % 2 ? i : `${i}`, 1234)).toBe((i - 200) % 3 !== 0);
    expect(cache.size).toBe(200);
  });

  it('may be signed or unsigned, and is what every method uses', () => {
    const cache = new LruCache<string, number>({ maxEntries: 3, now: () => 0 });
    cache.set('a', 1, undefined, 0xfffffff0);
    expect([cache.get('a', 0xfffffff0), cache.peek('a', -16), cache.has('a', -16)]).toEqual([1, 1, true]);
    expect([cache.setExpiry('a', 9, -16), cache.expiresAt('a', -16)]).toEqual([true, 9]);
    expect([cache.has('a', 5), cache.delete('a', -16)]).toEqual([false, true]);
  });

  it('may be the cache’s own', () => {
    const cache = new LruCache<string, number>({ maxEntries: 3 });
    cache.set('a', 1);
    expect(cache.get('a', cache.hashOf('a'))).toBe(1);
  });
});
