import { ByteLru } from './index.js';

const MAX_BYTES = 4 * 2 ** 20;
const { imul, floor } = Math;
const USABLE = 0.85;
const HEADER_BYTES = 16;

/** 0 to 1, the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) / 2 ** 31;
}

const key = new Uint8Array(16);
const number = new DataView(key.buffer);
const value = new Uint8Array(64 * 1024);

/**
 * Writes `bytes` of records of a size, most under new keys and the rest over old ones, and reads some, so that entries of
 * all ages lie in each page. Returns the least part of the arena that held records after each tenth.
 */
function write(
  cache: ByteLru,
  next: () => number,
  counter: { keys: number },
  size: () => number,
  bytes: number,
): number {
  let least = 1;
  for (let written = 0, step = 1; written < bytes; ) {
    number.setUint32(0, next() < 0.7 ? counter.keys++ : floor(next() * counter.keys));
    const length = size();
    cache.setHashed(cache.hashOf(key), key, 0, key.length, value, 0, length, 0);
    if (cache.bytes > MAX_BYTES) throw new Error('the bound is exceeded');
    if (next() < 0.3) {
      number.setUint32(0, floor(next() * counter.keys));
      cache.get(key);
    }
    written += length + key.length + HEADER_BYTES + 16;
    if (written > (step * bytes) / 10) {
      step++;
      const { recordBytes, arenaBytes } = cache.stats();
      least = Math.min(least, recordBytes / arenaBytes);
    }
  }
  return least;
}

describe('what of the arena holds records', () => {
  it('is 85 % or more in each mix of sizes and through every change, and all pages together fill the bound', () => {
    const cache = new ByteLru({ maxBytes: MAX_BYTES, headerBytes: HEADER_BYTES, seed: 1 });
    const next = random(1);
    const counter = { keys: 0 };
    write(cache, next, counter, () => 100, MAX_BYTES);
    const mixes: [string, () => number][] = [
      ['100 B', () => 100],
      ['10 KiB', () => 10_240],
      ['back to 100 B', () => 100],
      ['50 B to 2000 B', () => 50 + floor(next() * 1950)],
      ['1 KiB', () => 1024],
      ['100 B, some 30 KiB', () => (next() < 0.01 ? 30_000 : 100)],
    ];
    for (const [name, size] of mixes) {
      const least = write(cache, next, counter, size, 2 * MAX_BYTES);
      const { bytes } = cache.stats();
      expect({ name, usable: least >= USABLE, full: bytes > 0.95 * MAX_BYTES }).toEqual({
        name,
        usable: true,
        full: true,
      });
    }
  });

  it('is reached without moving a record while all are of one size', () => {
    const cache = new ByteLru({ maxBytes: MAX_BYTES, headerBytes: HEADER_BYTES, seed: 1 });
    write(cache, random(2), { keys: 0 }, () => 300, 4 * MAX_BYTES);
    expect(cache.stats().recordsMoved).toBe(0);
    expect(cache.stats().removals.bytes).toBeGreaterThan(0);
  });

  it('is reached by moving few records while their sizes are mixed alike', () => {
    const cache = new ByteLru({ maxBytes: MAX_BYTES, headerBytes: HEADER_BYTES, seed: 1 });
    const next = random(3);
    const counter = { keys: 0 };
    write(cache, next, counter, () => 50 + floor(next() * 950), 3 * MAX_BYTES);
    cache.resetStats();
    write(cache, next, counter, () => 50 + floor(next() * 950), 3 * MAX_BYTES);
    const { recordsMoved, sets } = cache.stats();
    expect(recordsMoved / sets).toBeLessThan(0.25);
  });

  it('is given to the index as entries become smaller, and taken back from it', () => {
    const cache = new ByteLru({ maxBytes: MAX_BYTES, seed: 1 });
    const next = random(4);
    const counter = { keys: 0 };
    const share = (size: number) => {
      write(cache, next, counter, () => size, 1.5 * MAX_BYTES);
      return cache.stats().indexBytes / MAX_BYTES;
    };
    expect(share(10)).toBeGreaterThan(0.25);
    expect(share(5000)).toBeLessThan(0.04);
    expect(share(10)).toBeGreaterThan(0.25);
  });
});
