import { LruCache, LruCacheError, type EvictionReason } from './index.js';
import { MAX_CASCADE } from './evictions.js';

describe('onEvict', () => {
  it('runs when the change is complete', () => {
    const seen: unknown[] = [];
    const cache: LruCache<string, number> = new LruCache<string, number>({
      maxEntries: 2,
      onEvict: (key) => seen.push([key, cache.has(key), [...cache.keys()], cache.stats().sets]),
    });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    expect(seen).toEqual([['a', false, ['c', 'b'], 3]]);
  });

  it('may set and delete; what that evicts is reported after it returns, in order', () => {
    const log: string[] = [];
    const cache: LruCache<string, number> = new LruCache<string, number>({
      maxEntries: 2,
      onEvict: (key, _value, reason) => {
        log.push(`begin ${key} ${reason}`);
        if (key === 'a') cache.set('graveyard', 1);
        if (key === 'b') cache.delete('c');
        log.push(`end ${key}`);
      },
    });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    expect(log).toEqual(['begin a entries', 'end a', 'begin b entries', 'end b']);
    expect([...cache.keys()]).toEqual(['graveyard']);
  });

  it('may clear the cache in the middle of a sweep', () => {
    let time = 0;
    const evicted: number[] = [];
    const cache: LruCache<number, number> = new LruCache<number, number>({
      maxEntries: 5,
      ttlMs: 1,
      now: () => time,
      onEvict: (key) => {
        evicted.push(key);
        cache.clear();
      },
    });
    for (let i = 0; i < 5; i++) cache.set(i, i);
    time = 1;
    expect([cache.sweepExpired(3), cache.size, evicted]).toEqual([3, 0, [0, 1, 2]]);
  });

  it('is told of every eviction though it throws; the first error comes out, the effect stands', () => {
    const told: string[] = [];
    const cache = new LruCache<string, number>({
      maxBytes: 10,
      sizeOf: (size) => size,
      onEvict: (key) => {
        told.push(key);
        throw new Error(`about ${key}`);
      },
    });
    cache.set('a', 5);
    cache.set('b', 5);
    expect(() => cache.set('c', 10)).toThrow('about a');
    expect([told, [...cache], cache.bytes]).toEqual([['a', 'b'], [['c', 10]], 10]);
    expect(() => cache.set('d', 10)).toThrow('about c');
    expect(told).toEqual(['a', 'b', 'c']);
  });

  it('passes even a thrown undefined on', () => {
    const cache = new LruCache<string, number>({
      maxEntries: 1,
      onEvict: () => {
        throw undefined;
      },
    });
    cache.set('a', 1);
    let thrown = false;
    try {
      cache.set('b', 1);
    } catch {
      thrown = true;
    }
    expect(thrown).toBe(true);
  });

  it('that throws out of get leaves the entry expired', () => {
    let time = 0;
    const cache = new LruCache<string, number>({
      maxEntries: 1,
      ttlMs: 1,
      now: () => time,
      onEvict: () => {
        throw new Error('boom');
      },
    });
    cache.set('a', 1);
    time = 1;
    expect(() => cache.get('a')).toThrow('boom');
    expect([cache.get('a'), cache.size, cache.stats().misses]).toEqual([undefined, 0, 2]);
  });

  it('that adds an entry for every evicted one is stopped, and the cache stays whole', () => {
    let calls = 0;
    const cache: LruCache<string, number> = new LruCache<string, number>({
      maxEntries: 3,
      onEvict: () => cache.set(`again ${calls++}`, 1),
    });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    let error: unknown;
    try {
      cache.set('d', 1);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LruCacheError);
    expect((error as LruCacheError).code).toBe('ERR_EVICT_CASCADE');
    expect(calls).toBe(MAX_CASCADE + 1);
    expect([cache.size, [...cache].length]).toEqual([3, 3]);
    // The next operation starts afresh.
    calls = 0;
    expect(() => cache.set('e', 1)).toThrow(LruCacheError);
    expect(calls).toBe(MAX_CASCADE + 1);
  });
});

describe('sizeOf and now', () => {
  it('that throw leave the cache as it was', () => {
    let broken = false;
    const fail = (result: number) => {
      if (broken) throw new Error('broken');
      return result;
    };
    const cache = new LruCache<string, number>({
      maxBytes: 10,
      ttlMs: 5,
      sizeOf: () => fail(4),
      now: () => fail(1000),
    });
    cache.set('a', 1);
    cache.set('b', 2);
    broken = true;
    expect(() => cache.set('a', 9)).toThrow('broken');
    expect(() => cache.set('c', 9)).toThrow('broken');
    expect(() => cache.get('a')).toThrow('broken');
    broken = false;
    expect([[...cache], cache.bytes]).toEqual([
      [
        ['b', 2],
        ['a', 1],
      ],
      8,
    ]);
  });

  it('sizeOf may use the cache', () => {
    const evicted: [string, EvictionReason][] = [];
    const cache: LruCache<string, number> = new LruCache<string, number>({
      maxBytes: 10,
      sizeOf: (value, key) => {
        if (key === 'a') cache.set('inner', 6);
        return value;
      },
      onEvict: (key, _value, reason) => evicted.push([key, reason]),
    });
    cache.set('a', 5);
    expect([[...cache], cache.bytes, evicted]).toEqual([[['a', 5]], 5, [['inner', 'bytes']]]);
  });
});
