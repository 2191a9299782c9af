import { code, message } from '../test/clocked.js';
import { ByteLru, type ByteLruOptions, type ByteSetOptions, type RemovalReason } from './index.js';

const encoder = new TextEncoder();
const b = (text: string) => encoder.encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function clocked(options: Partial<ByteLruOptions> = {}) {
  const clock = { ms: 1000 };
  const removed: [string, RemovalReason][] = [];
  const cache: ByteLru = new ByteLru({
    maxBytes: 2 ** 20,
    headerBytes: 16,
    now: () => clock.ms,
    onEvict: (place, reason) => removed.push([text(cache.readKey(place)), reason]),
    ...options,
  });
  return { cache, clock, removed };
}

describe('options', () => {
  it.each([
    [{}, 'ERR_UNBOUNDED', 'maxBytes'],
    [{ maxBytes: 2 ** 17 - 1 }, 'ERR_OPTION_INVALID', 'maxBytes'],
    [{ maxBytes: 2 ** 20, sizeOf: () => 1 }, 'ERR_OPTION_UNKNOWN', 'sizeOf'],
    [{ maxEntries: 0 }, 'ERR_OPTION_INVALID', 'maxEntries'],
    [{ maxEntries: 200_000_001 }, 'ERR_OPTION_INVALID', 'maxEntries'],
    [{ maxEntries: undefined }, 'ERR_OPTION_INVALID', 'maxEntries'],
    [{ maxEntries: 1, headerBytes: 257 }, 'ERR_OPTION_INVALID', 'headerBytes'],
    [{ maxEntries: 1, ttlMs: 0 }, 'ERR_OPTION_INVALID', 'ttlMs'],
    [{ maxEntries: 1, onEvict: 1 }, 'ERR_OPTION_INVALID', 'onEvict'],
    [{ maxEntries: 1, now: undefined }, 'ERR_OPTION_INVALID', 'now'],
    [{ maxEntries: 1, seed: 2 ** 31 }, 'ERR_OPTION_INVALID', 'seed'],
    [null, 'ERR_OPTION_INVALID', 'options'],
  ])('%j: %s, and the message says %s', (options, expected, name) => {
    const make = () => new ByteLru(options as ByteLruOptions);
    expect([code(make), message(make)]).toEqual([expected, expect.stringContaining(name)]);
  });

  it.each([
    [{ ttlMs: -1 }, 'ERR_OPTION_INVALID'],
    [{ expiresAt: 2 ** 48 }, 'ERR_OPTION_INVALID'],
    [{ ttlMs: 1, keepTtl: true }, 'ERR_OPTION_CONFLICT'],
    [{ ttlMs: 1, expiresAt: 1 }, 'ERR_OPTION_CONFLICT'],
    [{ header: new Uint8Array(15) }, 'ERR_OPTION_INVALID'],
    [{ ttl: 1 }, 'ERR_OPTION_UNKNOWN'],
  ])('set with %j: %s, and nothing changes', (options, expected) => {
    const { cache } = clocked();
    expect(code(() => cache.set(b('k'), b('v'), options as ByteSetOptions))).toBe(expected);
    expect(cache.size).toBe(0);
  });

  it('refuses what is no bytes, and slices that are not there', () => {
    const { cache } = clocked();
    expect(code(() => cache.set('k' as never, b('v')))).toBe('ERR_ARGUMENT_INVALID');
    expect(code(() => cache.set(b('k'), 'v' as never))).toBe('ERR_ARGUMENT_INVALID');
    expect(code(() => cache.set(new Uint8Array(65_536), b('v')))).toBe('ERR_KEY_INVALID');
    for (const [start, length] of [
      [0, 2],
      [-1, 1],
      [0.5, 0],
      [0, -1],
      [NaN, 1],
      [0, NaN],
    ] as const) {
      expect(code(() => cache.setHashed(1, b('k'), start, length, b('v'), 0, 1))).toBe('ERR_ARGUMENT_INVALID');
      expect(code(() => cache.setHashed(1, b('k'), 0, 1, b('v'), start, length))).toBe('ERR_ARGUMENT_INVALID');
    }
    expect(cache.size).toBe(0);
  });
});

describe('an empty cache', () => {
  it('has reserved nothing, whatever its bound', () => {
    const before = process.memoryUsage().arrayBuffers;
    const cache = new ByteLru({ maxBytes: 12 * 2 ** 30 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(65_536);
    expect([cache.stats().touchedBytes, cache.bytes]).toEqual([0, 16_384]);
    expect([cache.get(b('k')), cache.delete(b('k')), [...cache.places()], cache.scan(0, 10, () => undefined)]).toEqual([
      0,
      false,
      [],
      0,
    ]);
  });

  it('is what clear leaves', () => {
    const { cache } = clocked();
    for (let i = 0; i < 1000; i++) cache.set(b(`${i}`), b('v'), { ttlMs: 10 });
    const walk = cache.places();
    walk.next();
    cache.clear();
    expect([cache.size, cache.stats().touchedBytes, walk.next().done, cache.peek(b('1'))]).toEqual([0, 0, true, 0]);
    expect(cache.set(b('k'), b('v'))).toBeGreaterThan(0);
  });
});

describe('reading', () => {
  it.each([0, 1, 100, 5000, 100_000])('gives back a value of %i bytes whole, in parts and in place', (length) => {
    const { cache } = clocked();
    const value = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
    cache.set(b('other'), value);
    const place = cache.set(b('key'), value);
    expect(cache.valueLength(place)).toBe(length);
    expect(Buffer.compare(cache.readValue(place), value)).toBe(0);
    const from = length >>> 1;
    const target = new Uint8Array(length + 3);
    expect(cache.copyValue(place, target, 3, from)).toBe(length - from);
    expect(Buffer.compare(target.subarray(3, 3 + length - from), value.subarray(from))).toBe(0);
    const parts: number[] = [];
    cache.visitValue(place, (bytes, start, part) => parts.push(...bytes.subarray(start, start + part)));
    expect(Buffer.compare(Uint8Array.from(parts), value)).toBe(0);
    let key = '';
    cache.visitKey(place, (bytes, start, part) => (key += text(bytes.subarray(start, start + part))));
    expect([key, cache.copyKey(place, target), text(target.subarray(0, 3))].slice(0, 2)).toEqual(['key', 3]);
  });

  it('refuses parts that the value does not have, and targets that are too small', () => {
    const { cache } = clocked();
    const place = cache.set(b('key'), b('value'));
    const target = new Uint8Array(4);
    expect(code(() => cache.copyValue(place, target, 0, 3, 3))).toBe('ERR_ARGUMENT_INVALID');
    expect(code(() => cache.copyValue(place, target, 0, -1, 1))).toBe('ERR_ARGUMENT_INVALID');
    expect(code(() => cache.copyValue(place, target))).toBe('ERR_ARGUMENT_INVALID');
    expect(code(() => cache.copyKey(place, target, 2))).toBe('ERR_ARGUMENT_INVALID');
  });

  it.each([0, -1, 0.5, NaN, 7, 2 ** 40])('refuses place %d, where no entry is', (place) => {
    const { cache } = clocked();
    cache.set(b('k'), b('v'));
    cache.delete(b('k'));
    for (const read of [
      () => cache.keyLength(place),
      () => cache.readValue(place),
      () => cache.header(place),
      () => cache.expiresAt(place),
      () => cache.hashAt(place),
      () => cache.touchAt(place),
      () => cache.deleteAt(place),
      () => cache.setExpiry(place, 0),
    ]) {
      expect(code(read)).toBe('ERR_ARGUMENT_INVALID');
    }
  });

  it('tells keys apart by their bytes, also where their hashes are the same', () => {
    const { cache } = clocked();
    const keys = ['', 'a', 'b', 'ab', '\0', '\0\0'].map(b);
    for (const [i, key] of keys.entries()) cache.setHashed(5, key, 0, key.length, Uint8Array.of(i), 0, 1);
    expect(keys.map((key) => cache.readValue(cache.getHashed(5, key, 0, key.length))[0])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(keys.map((key) => cache.getHashed(6, key, 0, key.length))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(cache.hashAt(cache.peekHashed(5, keys[1]!, 0, 1))).toBe(5);
  });
});

describe('the header', () => {
  it('keeps every field while values change in place and records move, and is zeros after a set without one', () => {
    const { cache } = clocked({ maxBytes: 2 ** 17 });
    const header = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
    let place = cache.set(b('kept'), b('v'), { header });
    cache.header(place).setFloat64(1, Math.PI);
    for (let i = 0; i < 3000; i++) {
      cache.set(b(`${i % 700}`), new Uint8Array((i * 37) % 900));
      cache.touchAt(place);
    }
    expect(cache.stats().recordsMoved).toBeGreaterThan(0);
    const view = cache.header(place);
    expect([view.getUint8(0), view.getFloat64(1), view.getUint8(9), view.length]).toEqual([1, Math.PI, 10, 16]);
    const copy = new Uint8Array(17);
    view.copyTo(copy, 1);
    expect(copy.slice(10)).toEqual(header.slice(9));
    place = cache.set(b('kept'), b('w'));
    expect([0, 8].map((offset) => cache.header(place).getFloat64(offset))).toEqual([0, 0]);
  });

  it('holds each kind of number at any offset, and refuses what is not within it', () => {
    const { cache } = clocked();
    const view = cache.header(cache.set(b('k'), b('v')));
    view.setUint8(15, 255);
    view.setUint16(13, 65_535);
    view.setUint32(9, 2 ** 32 - 1);
    view.setInt32(5, -2);
    expect([view.getUint8(15), view.getUint16(13), view.getUint32(9), view.getInt32(5)]).toEqual([
      255,
      65_535,
      2 ** 32 - 1,
      -2,
    ]);
    for (const use of [
      () => view.getUint8(16),
      () => view.setUint16(15, 1),
      () => view.getUint32(-1),
      () => view.setInt32(0.5, 1),
      () => view.getFloat64(9),
      () => view.copyTo(new Uint8Array(15)),
      () => view.copyFrom(new Uint8Array(16), 1),
    ]) {
      expect(code(use)).toBe('ERR_ARGUMENT_INVALID');
    }
  });
});

describe('expiry', () => {
  it('makes an entry absent from its time on, and keeps its place until it is asked for', () => {
    const { cache, clock, removed } = clocked({ ttlMs: 50 });
    const place = cache.set(b('a'), b('1'));
    cache.set(b('b'), b('2'), { expiresAt: 0 });
    cache.set(b('c'), b('3'), { expiresAt: 1000.5 });
    expect([cache.expiresAt(place), cache.expiresAt(cache.peek(b('c')))]).toEqual([1050, 1001]);
    cache.set(b('a'), b('4'), { keepTtl: true });
    clock.ms = 1050;
    expect([cache.has(b('a')), cache.peek(b('a')), cache.touch(b('a')), cache.size]).toEqual([false, 0, false, 3]);
    expect([...cache.places()].map((at) => text(cache.readKey(at)))).toEqual(['b']);
    expect([cache.get(b('a')), cache.delete(b('c')), cache.size]).toEqual([0, false, 1]);
    expect(removed).toEqual([
      ['a', 'replaced'],
      ['a', 'expired'],
      ['c', 'expired'],
    ]);
  });

  it('is swept in steps that resume', () => {
    const { cache, clock } = clocked();
    for (let i = 0; i < 100; i++) cache.set(b(`${i}`), b('v'), { ttlMs: i < 60 ? 10 : 100 });
    clock.ms += 10;
    let swept = 0;
    for (let i = 0; i < 1000 && swept < 60; i++) swept += cache.sweepExpired(7);
    expect([swept, cache.size, cache.stats().removals.expired]).toEqual([60, 40, 60]);
    expect(cache.sweepExpired(1_000_000)).toBe(0);
    cache.setExpiry(cache.peek(b('99')), 0);
    clock.ms += 1000;
    expect([cache.sweepExpired(1_000_000), cache.size]).toEqual([39, 1]);
  });
});

describe('removal', () => {
  it('reports reasons, with the entry still readable, and refuses changes meanwhile', () => {
    const codes: (string | undefined)[] = [];
    const seen: string[] = [];
    const cache: ByteLru = new ByteLru({
      maxEntries: 2,
      onEvict: (place, reason) => {
        seen.push(`${text(cache.readKey(place))}=${text(cache.readValue(place))}: ${reason}`);
        for (const change of [
          () => cache.set(b('x'), b('y')),
          () => cache.get(b('a')),
          () => cache.delete(b('a')),
          () => cache.clear(),
          () => cache.sweepExpired(1),
          () => cache.resize(2 ** 30),
        ]) {
          codes.push(code(change));
        }
      },
    });
    cache.set(b('a'), b('1'));
    cache.set(b('a'), b('2'));
    cache.set(b('b'), b('3'));
    cache.set(b('c'), b('4'));
    cache.deleteAt(cache.peek(b('b')));
    expect(seen).toEqual(['a=1: replaced', 'a=2: entries', 'b=3: deleted']);
    expect(new Set(codes)).toEqual(new Set(['ERR_BUSY']));
    cache.clear();
    expect(seen).toHaveLength(3);
  });

  it('is complete when onEvict throws: the first error is thrown at the end', () => {
    let left = 2;
    const cache = new ByteLru({
      maxBytes: 2 ** 17,
      onEvict: () => {
        if (left-- > 0) throw new Error(`error ${left}`);
      },
    });
    for (let i = 0; i < 40; i++) cache.set(b(`${i}`), new Uint8Array(1000));
    expect(() => cache.set(b('large'), new Uint8Array(70_000))).toThrow('error 1');
    expect(cache.valueLength(cache.peek(b('large')))).toBe(70_000);
    expect(cache.set(b('next'), b('v'))).toBeGreaterThan(0);
  });

  it('of what is larger than the cache takes the old value away', () => {
    const { cache, removed } = clocked({ maxBytes: 2 ** 17 });
    cache.set(b('a'), b('1'));
    cache.set(b('k'), b('2'));
    expect([cache.set(b('k'), new Uint8Array(2 ** 17)), cache.has(b('k')), cache.has(b('a'))]).toEqual([
      0,
      false,
      true,
    ]);
    expect(removed).toEqual([['k', 'replaced']]);
  });
});

describe('iteration', () => {
  it('goes both ways, resumes, and neither repeats nor follows what changes meanwhile', () => {
    const { cache } = clocked();
    for (const name of 'abcdef') cache.set(b(name), b('v'));
    const name = (place: number) => text(cache.readKey(place));
    const [down, up] = [cache.places(), cache.places('oldest')];
    expect([name(down.next().value!), name(up.next().value!)]).toEqual(['f', 'a']);
    cache.get(b('a'));
    cache.get(b('c'));
    cache.delete(b('e'));
    cache.set(b('g'), b('v'));
    expect([...down].map(name)).toEqual(['d', 'b']);
    expect([...up].map(name)).toEqual(['b', 'd', 'f']);
    expect([...cache.places()].map(name)).toEqual(['g', 'c', 'a', 'f', 'd', 'b']);
    expect(code(() => cache.places('up' as never).next())).toBe('ERR_ARGUMENT_INVALID');
  });

  it('by place visits once what is there throughout, while all else comes and goes', () => {
    const { cache } = clocked({ maxBytes: 2 ** 18 });
    for (let i = 0; i < 300; i++) cache.set(b(`kept:${i}`), b('v'));
    const seen: string[] = [];
    let cursor = 0;
    let changes = 0;
    do {
      cursor = cache.scan(cursor, 10, (place) => seen.push(text(cache.readKey(place))));
      for (let i = 0; i < 20; i++) {
        if (changes % 5 === 4) cache.delete(b(`other:${changes - 3}`));
        else cache.set(b(`other:${changes}`), new Uint8Array(changes % 50));
        changes++;
      }
    } while (cursor !== 0);
    const kept = seen.filter((key) => key.startsWith('kept'));
    expect([kept.length, new Set(kept).size]).toEqual([300, 300]);
  });
});

describe('resize', () => {
  it('frees what is above the new bound, least recent first, and grows again', () => {
    const { cache } = clocked();
    const fill = () => {
      for (let i = 0; i < 3000; i++) cache.set(b(`${i}`), new Uint8Array(i % 900));
    };
    fill();
    const before = cache.size;
    cache.resize(2 ** 19);
    expect([cache.bytes <= 2 ** 19, cache.maxBytes, cache.has(b('2999'))]).toEqual([true, 2 ** 19, true]);
    expect(cache.size).toBeGreaterThan(before * 0.4);
    expect(cache.size).toBeLessThan(before * 0.6);
    cache.resize(2 ** 22);
    fill();
    expect([cache.size, cache.bytes <= 2 ** 22]).toEqual([3000, true]);
    expect(code(() => cache.resize(2 ** 16))).toBe('ERR_OPTION_INVALID');
  });
});

it('counts what it does and what it holds', () => {
  const { cache } = clocked({ maxEntries: 3 });
  for (const name of 'abcde') cache.set(b(name), b('12'));
  cache.get(b('e'));
  cache.get(b('a'));
  cache.delete(b('d'));
  const stats = cache.stats();
  expect(stats).toMatchObject({ hits: 1, misses: 1, sets: 5, size: 2, payloadBytes: 6, recordBytes: 6 + 2 * 32 });
  expect(stats.removals).toEqual({ bytes: 0, entries: 2, expired: 0, replaced: 0, deleted: 1 });
  expect(stats.bytes).toBe(cache.bytes);
  cache.resetStats();
  expect(cache.stats()).toMatchObject({ hits: 0, sets: 0, size: 2, removals: { entries: 0 } });
});
