import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Cursors } from './cursors.js';
import { LruCache, LruCacheError } from './index.js';

function filled(entries: number, now: () => number = () => 0): LruCache<number, string> {
  const cache = new LruCache<number, string>({ maxEntries: entries, now });
  for (let i = entries - 1; i >= 0; i--) cache.set(i, `v${i}`); // 0 is the most recent
  return cache;
}

describe('iteration', () => {
  it('goes from the most to the least recent, by every method, and changes nothing', () => {
    const cache = filled(3);
    const pairs = [
      [0, 'v0'],
      [1, 'v1'],
      [2, 'v2'],
    ];
    expect([...cache]).toEqual(pairs);
    expect([...cache.entries()]).toEqual(pairs);
    expect([...cache.keys()]).toEqual([0, 1, 2]);
    expect([...cache.values()]).toEqual(['v0', 'v1', 'v2']);
    const visited: unknown[] = [];
    cache.forEach((value, key, self) => visited.push([key, value, self === cache]));
    expect(visited).toEqual(pairs.map((pair) => [...pair, true]));
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0 });
    expect([...filled(1).keys()]).toEqual([0]);
    expect([...new LruCache({ maxEntries: 1 })]).toEqual([]);
  });

  it('skips expired entries and leaves them in place', () => {
    let time = 0;
    const cache = filled(4, () => time);
    cache.setExpiry(1, 5);
    cache.setExpiry(3, 5);
    time = 5;
    expect([[...cache.keys()], cache.size]).toEqual([[0, 2], 4]);
  });

  it('visits everything when the body deletes what it is given, or gets it', () => {
    const cache = filled(100);
    const seen: number[] = [];
    for (const [key] of cache) {
      seen.push(key);
      if (key % 2 === 0) cache.delete(key);
      else cache.get(key);
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(cache.size).toBe(50);
  });

  it('steps over entries that are deleted, evicted or used before their turn', () => {
    const cache = filled(6);
    const seen: number[] = [];
    for (const key of cache.keys()) {
      seen.push(key);
      if (key === 0) {
        cache.delete(1);
        cache.delete(2);
        cache.get(3);
        cache.set(100, 'new');
        cache.set(101, 'new');
        cache.set(102, 'evicts 5');
      }
    }
    expect(seen).toEqual([0, 4]);
  });

  it('does not visit what is added meanwhile, so it ends though every step adds', () => {
    const cache = filled(3);
    const seen: number[] = [];
    let added = 100;
    for (const key of cache.keys()) {
      seen.push(key);
      cache.set(added++, 'new');
    }
    expect(seen).toEqual([0, 1]);
  });

  it('ends at clear', () => {
    const cache = filled(5);
    const seen: number[] = [];
    for (const key of cache.keys()) {
      seen.push(key);
      cache.clear();
      cache.set(7, 'new');
    }
    expect([seen, [...cache.keys()]]).toEqual([[0], [7]]);
  });

  it('lets several iterations go on side by side', () => {
    const cache = filled(4);
    const outer: number[] = [];
    for (const key of cache.keys()) {
      outer.push(key);
      const inner = cache.keys();
      inner.next();
      if (key === 1) cache.delete(2);
      inner.return?.();
    }
    expect(outer).toEqual([0, 1, 3]);
  });
});

describe('Cursors', () => {
  /** 1, 2, ... 9. */
  const list = { after: (slot: number) => (slot + 1) % 10, before: (slot: number) => (slot + 9) % 10 };

  it('forgets closed iterations, finished or not', () => {
    const cursors = new Cursors();
    const [kept, closed] = [cursors.walk(list), cursors.walk(list)];
    expect([kept.next().value, closed.next().value]).toEqual([1, 1]);
    expect(cursors.open).toBe(2);
    closed.return();
    expect(cursors.open).toBe(1);
    cursors.leaving(2, 5, 1);
    expect([kept.next().value, closed.next().value]).toEqual([5, undefined]);
    expect([...cursors.walk(list)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(cursors.open).toBe(1);
    cursors.closing();
    expect([kept.next().done, cursors.open]).toEqual([true, 0]);
  });

  it('walks from the least recent to what was the most recent when it began', () => {
    const cursors = new Cursors();
    const walk = cursors.walk(list, 'oldest');
    expect([walk.next().value, walk.next().value]).toEqual([9, 8]);
    cursors.leaving(7, 8, 6);
    cursors.leaving(1, 2, 0); // its end
    cursors.leaving(8, 9, 7); // visited
    expect([...walk]).toEqual([6, 5, 4, 3, 2]);
    const single = cursors.walk({ after: () => 1, before: () => 1 }, 'oldest');
    expect([...single]).toEqual([1]);
  });

  it('forgets an iteration that was dropped half-way once it has been collected', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const cursors = new Cursors();
    (() => cursors.walk(list).next())();
    expect(cursors.open).toBe(1);
    for (let i = 0; i < 50 && cursors.open !== 0; i++) {
      await delay(1);
      gc();
      cursors.leaving(9, 0, 8);
    }
    expect(cursors.open).toBe(0);
  });
});

describe('scan', () => {
  it('visits every entry once, in steps of the given size', () => {
    const cache = filled(10);
    const seen: number[] = [];
    let steps = 0;
    let cursor = 0;
    do {
      const before = seen.length;
      cursor = cache.scan(cursor, 3, (key) => seen.push(key));
      expect(seen.length - before).toBeLessThanOrEqual(3);
      steps++;
    } while (cursor !== 0);
    expect([steps, seen.sort((a, b) => a - b)]).toEqual([4, Array.from({ length: 10 }, (_, i) => i)]);
    expect(cache.stats().hits).toBe(0);
    expect([...cache.keys()][0]).toBe(0);
  });

  it('visits an entry that stays exactly once while thousands of others come and go and the table grows', () => {
    const cache = new LruCache<string, number>({ maxBytes: 1e9, sizeOf: () => 1 });
    for (let i = 0; i < 500; i++) cache.set(`stays ${i}`, i);
    for (let i = 0; i < 500; i++) cache.set(`goes ${i}`, i);
    const visits = new Map<string, number>();
    let cursor = 0;
    let added = 0;
    do {
      cursor = cache.scan(cursor, 10, (key) => {
        visits.set(key, (visits.get(key) ?? 0) + 1);
        cache.delete(`goes ${added % 500}`);
      });
      for (let i = 0; i < 40 && added < 4000; i++) cache.set(`new ${added++}`, 0);
      cache.get(`stays ${added % 500}`);
    } while (cursor !== 0);
    for (let i = 0; i < 500; i++) expect(visits.get(`stays ${i}`)).toBe(1);
  });

  it('skips expired entries and passes the expiry', () => {
    let time = 0;
    const cache = filled(3, () => time);
    cache.setExpiry(1, 5);
    cache.setExpiry(2, 9);
    time = 5;
    const seen: unknown[] = [];
    expect(cache.scan(0, 100, (key, value, expiresAt) => seen.push([key, value, expiresAt]))).toBe(0);
    expect(seen).toEqual([
      [2, 'v2', 9],
      [0, 'v0', 0],
    ]);
  });

  it('ends when the cache is cleared or the cursor is past the end', () => {
    const cache = filled(10);
    expect(cache.scan(0, 100, () => cache.clear())).toBe(0);
    expect(cache.scan(5, 100, () => undefined)).toBe(0);
    expect(cache.scan(Number.MAX_SAFE_INTEGER, 1, () => undefined)).toBe(0);
  });

  it('passes on what visit throws and can go on from the same cursor', () => {
    const cache = filled(3);
    const fail = () => {
      throw new Error('stop');
    };
    expect(() => cache.scan(0, 3, fail)).toThrow('stop');
    let seen = 0;
    cache.scan(0, 3, () => seen++);
    expect(seen).toBe(3);
  });

  it.each([
    [-1, 1],
    [0.5, 1],
    [NaN, 1],
    [0, 0],
    [0, -1],
    [0, NaN],
  ])('refuses cursor %p with count %p', (cursor, count) => {
    expect(() => filled(1).scan(cursor, count, () => undefined)).toThrow(LruCacheError);
  });
});
