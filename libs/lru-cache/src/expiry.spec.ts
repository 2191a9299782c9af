import { LruCache } from './index.js';
import { clocked, code, message } from '../test/clocked.js';

describe('time to live', () => {
  it('counts an entry whose time has come as absent, to the millisecond', () => {
    const { cache, clock, evicted } = clocked({ maxEntries: 10, ttlMs: 5 });
    cache.set('a', 1);
    clock.ms += 4;
    expect([cache.get('a'), cache.expiresAt('a')]).toEqual([1, 1005]);
    clock.ms += 1;
    expect([cache.peek('a'), cache.has('a'), cache.expiresAt('a'), cache.setExpiry('a', 0)]).toEqual([
      undefined,
      false,
      undefined,
      false,
    ]);
    expect([cache.size, evicted]).toEqual([1, []]);
    expect(cache.get('a')).toBeUndefined();
    expect([cache.size, evicted]).toEqual([0, [['a', 1, 'expired']]]);
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1, evictions: { entries: 0, bytes: 0, expired: 1 } });
  });

  it('takes the expiry of a set before the default, and 0 as never', () => {
    const { cache } = clocked({ maxEntries: 10, ttlMs: 5 });
    cache.set('default', 1);
    cache.set('ttl', 1, { ttlMs: 0.5 });
    cache.set('at', 1, { expiresAt: 1234 });
    cache.set('never', 1, { expiresAt: 0 });
    cache.set('past', 1, { expiresAt: 999 });
    const expiries = ['default', 'ttl', 'at', 'never', 'past'].map((key) => cache.expiresAt(key));
    expect(expiries).toEqual([1005, 1000.5, 1234, 0, undefined]);
  });

  it('replaces the expiry on overwrite unless keepTtl', () => {
    const { cache, clock } = clocked({ maxEntries: 10 });
    cache.set('a', 1, { ttlMs: 50 });
    cache.set('a', 2, { keepTtl: true });
    expect(cache.expiresAt('a')).toBe(1050);
    cache.set('a', 3);
    expect(cache.expiresAt('a')).toBe(0);
    cache.set('a', 4, { ttlMs: 10 });
    clock.ms += 10;
    cache.set('a', 5, { keepTtl: true });
    expect([cache.get('a'), cache.expiresAt('a')]).toEqual([5, 0]);
  });

  it('gives a new entry the default expiry under keepTtl, even as the first with an expiry', () => {
    const { cache } = clocked({ maxEntries: 10, ttlMs: 7 });
    cache.set('a', 1, { keepTtl: true });
    expect(cache.expiresAt('a')).toBe(1007);
  });

  it('counts an expired entry that is deleted or overwritten as expired', () => {
    const { cache, clock, evicted } = clocked({ maxEntries: 10, ttlMs: 5 });
    cache.set('a', 1);
    cache.set('b', 2);
    clock.ms += 5;
    expect([cache.delete('a'), cache.set('b', 3)]).toEqual([false, true]);
    expect(evicted).toEqual([
      ['a', 1, 'expired'],
      ['b', 2, 'expired'],
    ]);
    expect(cache.stats()).toMatchObject({ deletes: 0, sets: 3, evictions: { expired: 2 }, size: 1 });
  });

  it('changes an expiry without a change of recency', () => {
    const { cache, clock } = clocked({ maxEntries: 2 });
    cache.set('a', 1);
    cache.set('b', 1);
    expect([cache.setExpiry('a', 1003), cache.setExpiry('x', 1003)]).toEqual([true, false]);
    expect([...cache.keys()]).toEqual(['b', 'a']);
    expect([cache.expiresAt('a'), cache.expiresAt('b')]).toEqual([1003, 0]);
    clock.ms = 1003;
    expect(cache.has('a')).toBe(false);
    expect(cache.setExpiry('b', 999)).toBe(true);
    expect(cache.has('b')).toBe(false);
  });

  it('does not hand an old expiry to the next entry in the same record', () => {
    const { cache, clock } = clocked({ maxEntries: 1 });
    cache.set('a', 1, { ttlMs: 5 });
    cache.set('b', 2);
    cache.delete('b');
    cache.set('c', 3);
    clock.ms += 100;
    expect([cache.get('c'), cache.sweepExpired(10)]).toEqual([3, 0]);
  });

  it.each([{ ttlMs: 0 }, { ttlMs: -1 }, { ttlMs: NaN }, { ttlMs: Infinity }, { expiresAt: -1 }, { expiresAt: NaN }])(
    'refuses %p and leaves the entry as it was',
    (options) => {
      const { cache } = clocked({ maxEntries: 10 });
      cache.set('a', 1);
      expect(code(() => cache.set('a', 2, options))).toBe('ERR_OPTION_INVALID');
      expect(message(() => cache.set('a', 2, options))).toMatch(new RegExp(`^${Object.keys(options)[0]} must be`));
      expect(cache.peek('a')).toBe(1);
    },
  );

  it('refuses contradictory options and a bad setExpiry', () => {
    const { cache } = clocked({ maxEntries: 10 });
    expect(code(() => cache.set('a', 1, { ttlMs: 5, expiresAt: 5 }))).toBe('ERR_OPTION_CONFLICT');
    expect(code(() => cache.set('a', 1, { ttlMs: 5, keepTtl: true }))).toBe('ERR_OPTION_CONFLICT');
    for (const at of [-1, NaN, Infinity, '5' as never]) {
      expect(code(() => cache.setExpiry('a', at))).toBe('ERR_ARGUMENT_INVALID');
    }
  });
});

describe('sweepExpired', () => {
  it('looks at no more records than it is told, and goes on where it stopped', () => {
    const { cache, clock, evicted } = clocked({ maxEntries: 10 });
    for (let i = 0; i < 10; i++) cache.set(i, i, i % 2 === 0 ? { ttlMs: 5 } : undefined);
    expect(cache.sweepExpired(100)).toBe(0);
    clock.ms += 5;
    expect([cache.sweepExpired(4), cache.sweepExpired(4), cache.sweepExpired(4)]).toEqual([2, 2, 1]);
    expect(evicted.map(([key]) => key)).toEqual([0, 2, 4, 6, 8]);
    expect([cache.size, cache.sweepExpired(100)]).toEqual([5, 0]);
  });

  it('wraps around without looking at a record twice', () => {
    const { cache, clock } = clocked({ maxEntries: 4, ttlMs: 5 });
    for (let i = 0; i < 4; i++) cache.set(i, i);
    cache.sweepExpired(3);
    clock.ms += 5;
    expect([cache.sweepExpired(1_000_000), cache.size]).toEqual([4, 0]);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('refuses maxVisits %p', (maxVisits) => {
    expect(code(() => new LruCache({ maxEntries: 1 }).sweepExpired(maxVisits))).toBe('ERR_ARGUMENT_INVALID');
  });
});
