import { LruCache, type LruCacheOptions } from './index.js';
import { clocked, code, type Key, message } from '../test/clocked.js';

describe('construction', () => {
  it('refuses a cache without any bound', () => {
    expect(code(() => new LruCache({}))).toBe('ERR_UNBOUNDED');
    expect(code(() => new LruCache({ ttlMs: 5 }))).toBe('ERR_UNBOUNDED');
  });

  it.each<[string, unknown]>([
    ['maxEntries', 0],
    ['maxEntries', -1],
    ['maxEntries', 1.5],
    ['maxEntries', NaN],
    ['maxEntries', Infinity],
    ['maxEntries', 2 ** 28],
    ['maxEntries', '10'],
    ['maxEntries', undefined],
    ['maxBytes', 0],
    ['maxBytes', -5],
    ['maxBytes', NaN],
    ['maxBytes', Infinity],
    ['maxBytes', undefined],
    ['ttlMs', 0],
    ['ttlMs', -1],
    ['ttlMs', NaN],
    ['ttlMs', Infinity],
    ['ttlMs', undefined],
    ['sizeOf', 5],
    ['sizeOf', undefined],
    ['onEvict', 'x'],
    ['onEvict', undefined],
    ['now', 1000],
    ['now', undefined],
    ['seed', 2 ** 31],
    ['seed', 0.5],
    ['seed', undefined],
  ])('refuses %s: %p by name', (name, value) => {
    const options = { maxEntries: 10, maxBytes: 10, [name]: value } as LruCacheOptions<string, number>;
    expect(code(() => new LruCache(options))).toBe('ERR_OPTION_INVALID');
    expect(message(() => new LruCache(options))).toMatch(new RegExp(`^${name} must be .*, got `));
  });

  it('refuses an option that does not exist, and options that are no object', () => {
    expect(message(() => new LruCache({ max: 5 } as never))).toContain('no option max');
    expect(code(() => new LruCache({ max: 5 } as never))).toBe('ERR_OPTION_UNKNOWN');
    expect(code(() => new LruCache(null as never))).toBe('ERR_OPTION_INVALID');
    expect(code(() => new LruCache(undefined as never))).toBe('ERR_OPTION_INVALID');
  });

  it('tells its bounds', () => {
    expect(new LruCache({ maxEntries: 3 })).toMatchObject({ maxEntries: 3, maxBytes: undefined, size: 0, bytes: 0 });
    expect(new LruCache({ maxBytes: 9 })).toMatchObject({ maxEntries: undefined, maxBytes: 9 });
  });

  it('uses the system clock by default', () => {
    const cache = new LruCache<string, number>({ maxEntries: 1, ttlMs: 60_000 });
    cache.set('a', 1);
    expect(Math.abs(cache.expiresAt('a')! - Date.now() - 60_000)).toBeLessThan(5_000);
  });
});

describe('keys', () => {
  it('keeps 1 and "1" apart, and 0 and -0 together', () => {
    const cache = new LruCache<Key, string>({ maxEntries: 10 });
    cache.set(1, 'number');
    cache.set('1', 'string');
    cache.set(-0, 'zero');
    expect([cache.get(1), cache.get('1'), cache.get(0), cache.get(-0)]).toEqual(['number', 'string', 'zero', 'zero']);
    expect(
      Object.is(
        [...cache.keys()].find((key) => key === 0),
        0,
      ),
    ).toBe(true);
  });

  it.each<Key>(['__proto__', 'constructor', '', '\0', 'a\r\nb', 'ключ', '💾', '\ud800', 'x'.repeat(100_000)])(
    'takes the string %#',
    (key) => {
      const cache = new LruCache<Key, number>({ maxEntries: 4 });
      expect([cache.has(key), cache.set(key, 1), cache.get(key), cache.delete(key), cache.has(key)]).toEqual([
        false,
        true,
        1,
        true,
        false,
      ]);
    },
  );

  it.each([0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 0.1, -1e300, Number.MIN_VALUE])('takes %p', (key) => {
    const cache = new LruCache<Key, number>({ maxEntries: 4 });
    cache.set(key, 1);
    expect([cache.get(key), cache.get(String(key)), cache.size]).toEqual([1, undefined, 1]);
  });

  it.each([NaN, Infinity, -Infinity, undefined, null, true, 5n, Symbol('s'), {}, []])(
    'refuses %p, hash given or not',
    (key) => {
      const cache = new LruCache<Key, number>({ maxEntries: 4 });
      const bad = key as unknown as string;
      for (const run of [
        () => cache.set(bad, 1),
        () => cache.set(bad, 1, undefined, 7),
        () => cache.get(bad),
        () => cache.peek(bad),
        () => cache.has(bad),
        () => cache.delete(bad),
        () => cache.expiresAt(bad),
        () => cache.setExpiry(bad, 0),
        () => cache.hashOf(bad),
      ]) {
        expect(code(run)).toBe('ERR_KEY_INVALID');
      }
      expect(cache.size).toBe(0);
    },
  );
});

describe('get, peek, has, set, delete, clear', () => {
  it('evicts the least recently used, where get and set count as use and peek and has do not', () => {
    const { cache, evicted } = clocked({ maxEntries: 3 });
    for (const key of ['a', 'b', 'c']) cache.set(key, key);
    cache.get('a');
    cache.set('b', 'B');
    cache.peek('c');
    cache.has('c');
    cache.set('d', 'd');
    expect(evicted).toEqual([['c', 'c', 'entries']]);
    expect([...cache]).toEqual([
      ['d', 'd'],
      ['b', 'B'],
      ['a', 'a'],
    ]);
  });

  it('works with room for one entry', () => {
    const { cache, evicted } = clocked({ maxEntries: 1 });
    cache.set('a', 1);
    cache.set('a', 2);
    cache.set('b', 3);
    expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([undefined, 3, 1]);
    expect(evicted).toEqual([['a', 2, 'entries']]);
  });

  it('stores undefined like any value', () => {
    const cache = new LruCache<string, undefined>({ maxEntries: 2 });
    cache.set('a', undefined);
    expect([cache.has('a'), cache.get('a'), cache.has('b'), cache.stats().hits]).toEqual([true, undefined, false, 1]);
  });

  it('reports neither delete, nor clear, nor an overwrite as an eviction', () => {
    const { cache, evicted } = clocked({ maxEntries: 3 });
    cache.set('a', 1);
    cache.set('a', 2);
    expect([cache.delete('a'), cache.delete('a')]).toEqual([true, false]);
    cache.set('b', 1);
    cache.clear();
    expect([cache.size, cache.has('b'), evicted]).toEqual([0, false, []]);
  });

  it('is as new after clear', () => {
    const { cache } = clocked({ maxEntries: 3, maxBytes: 30, sizeOf: () => 10, ttlMs: 5 });
    for (let i = 0; i < 5; i++) cache.set(i, i);
    cache.clear();
    expect([cache.size, cache.bytes, [...cache], cache.sweepExpired(100)]).toEqual([0, 0, [], 0]);
    for (let i = 0; i < 5; i++) cache.set(i, i, { expiresAt: 0 });
    expect([cache.size, cache.bytes, [...cache.keys()], cache.expiresAt(4)]).toEqual([3, 30, [4, 3, 2], 0]);
  });
});

describe('bytes', () => {
  const sized = (options: Partial<LruCacheOptions<Key, unknown>> = {}) =>
    clocked({ maxBytes: 100, sizeOf: (value) => value as number, ...options });

  it('evicts from the old end until the new entry fits', () => {
    const { cache, evicted } = sized();
    for (const [key, size] of Object.entries({ a: 40, b: 30, c: 30 })) cache.set(key, size);
    cache.set('d', 60);
    expect([cache.bytes, cache.size, evicted]).toEqual([
      90,
      2,
      [
        ['a', 40, 'bytes'],
        ['b', 30, 'bytes'],
      ],
    ]);
    expect(cache.stats()).toMatchObject({ evictions: { entries: 0, bytes: 2, expired: 0 }, bytes: 90 });
  });

  it('evicts others, never the entry itself, when an overwrite grows', () => {
    const { cache, evicted } = sized();
    cache.set('a', 10);
    cache.set('b', 50);
    cache.set('a', 100);
    expect([[...cache], cache.bytes, evicted]).toEqual([[['a', 100]], 100, [['b', 50, 'bytes']]]);
    cache.set('a', 1);
    expect(cache.bytes).toBe(1);
  });

  it('refuses an entry larger than everything, and drops the outdated value of its key', () => {
    const { cache, evicted } = sized();
    cache.set('a', 10);
    cache.set('b', 10);
    expect([cache.set('a', 101), cache.set('c', 101)]).toEqual([false, false]);
    expect([[...cache], cache.bytes, cache.stats().sets, evicted]).toEqual([[['b', 10]], 10, 2, []]);
  });

  it('prefers the size of a set to sizeOf, and counts sizes without a bound by bytes', () => {
    const { cache } = sized();
    cache.set('a', 50, { size: 7 });
    expect(cache.bytes).toBe(7);
    const counting = new LruCache<string, number>({ maxEntries: 2 });
    counting.set('a', 1);
    counting.set('b', 1, { size: 5 });
    counting.set('c', 1, { size: 6 });
    expect(counting.bytes).toBe(11);
    counting.set('b', 1);
    expect(counting.bytes).toBe(6);
    counting.delete('c');
    expect([counting.bytes, counting.size]).toEqual([0, 1]);
  });

  it('holds both bounds at once', () => {
    const { cache, evicted } = sized({ maxEntries: 2 });
    cache.set('a', 10);
    cache.set('b', 10);
    cache.set('c', 95);
    expect([[...cache.keys()], cache.bytes]).toEqual([['c'], 95]);
    expect(evicted).toEqual([
      ['a', 10, 'entries'],
      ['b', 10, 'bytes'],
    ]);
  });

  it.each([-1, NaN, 0.5, Infinity, '5'])('refuses the size %p from either source', (size) => {
    const { cache } = sized();
    cache.set('a', 1);
    expect(message(() => cache.set('a', 1, { size: size as number }))).toMatch(/^size must be/);
    expect(message(() => cache.set('a', size))).toMatch(/^sizeOf must be/);
    expect([cache.peek('a'), cache.bytes]).toEqual([1, 1]);
  });

  it('refuses a set without a size when there is no sizeOf', () => {
    const cache = new LruCache<string, number>({ maxBytes: 10 });
    expect(code(() => cache.set('a', 1))).toBe('ERR_SIZE_REQUIRED');
    expect(cache.set('a', 1, { size: 0 })).toBe(true);
  });
});

describe('places', () => {
  test.each([0, -1, 0.5, 2, 3, NaN, 2 ** 40])('a place without an entry is refused: %d', (place) => {
    const cache = new LruCache<string, number>({ maxEntries: 3 });
    cache.set('kept', 1);
    cache.set('gone', 2);
    expect(cache.placeOf('gone')).toBe(2);
    cache.delete('gone');
    expect(code(() => cache.peekAt(place))).toBe('ERR_ARGUMENT_INVALID');
    expect(code(() => cache.setAt(place, 3, 0, 0))).toBe('ERR_ARGUMENT_INVALID');
    expect([...cache]).toEqual([['kept', 1]]);
  });

  test('what is set at a place is checked before anything changes', () => {
    const cache = new LruCache<string, number>({ maxEntries: 3 });
    cache.set('kept', 1);
    expect(code(() => cache.setAt(1, 2, -1, 0))).toBe('ERR_OPTION_INVALID');
    expect(code(() => cache.setAt(1, 2, 0, -1))).toBe('ERR_ARGUMENT_INVALID');
    expect(cache.peek('kept')).toBe(1);
  });
});

describe('statistics', () => {
  it('counts what get, set and delete do, and nothing else', () => {
    const { cache } = clocked({ maxEntries: 2 });
    cache.set('a', 1);
    cache.set('a', 2);
    cache.set('b', 1);
    cache.set('c', 1);
    cache.get('b');
    cache.get('a');
    cache.peek('b');
    cache.has('zzz');
    cache.delete('b');
    cache.delete('b');
    const stats = cache.stats();
    expect(stats).toEqual({
      hits: 1,
      misses: 1,
      sets: 4,
      evictions: { entries: 1, bytes: 0, expired: 0 },
      deletes: 1,
      size: 1,
      bytes: 0,
    });
    cache.resetStats();
    expect(stats.hits).toBe(1);
    expect(cache.stats()).toEqual({
      hits: 0,
      misses: 0,
      sets: 0,
      evictions: { entries: 0, bytes: 0, expired: 0 },
      deletes: 0,
      size: 1,
      bytes: 0,
    });
  });
});
