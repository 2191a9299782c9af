import fc from 'fast-check';
import { LruCache, type EvictionReason, type SetOptions } from './index.js';

type Key = string | number;
interface ModelEntry {
  key: Key;
  value: number;
  size: number;
  expiresAt: number;
}
interface Bounds {
  maxEntries?: number;
  maxBytes?: number;
  ttlMs?: number;
}

/** The obvious implementation: an array, most recent first. */
class NaiveLru {
  entries: ModelEntry[] = [];
  evicted: [Key, number, EvictionReason][] = [];
  counts = { hits: 0, misses: 0, sets: 0, deletes: 0 };
  constructor(
    readonly bounds: Bounds,
    readonly now: () => number,
  ) {}

  get bytes() {
    return this.entries.reduce((sum, entry) => sum + entry.size, 0);
  }

  find(key: Key) {
    return this.entries.find((entry) => entry.key === key);
  }

  fresh(key: Key) {
    const entry = this.find(key);
    return entry && !this.expired(entry) ? entry : undefined;
  }

  expired(entry: ModelEntry) {
    return entry.expiresAt !== 0 && entry.expiresAt <= this.now();
  }

  drop(entry: ModelEntry, reason?: EvictionReason) {
    this.entries = this.entries.filter((other) => other !== entry);
    if (reason) this.evicted.push([entry.key, entry.value, reason]);
  }

  dropIfExpired(key: Key) {
    const entry = this.find(key);
    if (entry && this.expired(entry)) this.drop(entry, 'expired');
  }

  get(key: Key) {
    this.dropIfExpired(key);
    const entry = this.find(key);
    if (!entry) {
      this.counts.misses++;
      return undefined;
    }
    this.counts.hits++;
    this.drop(entry);
    this.entries.unshift(entry);
    return entry.value;
  }

  set(key: Key, value: number, size: number, options: SetOptions) {
    this.dropIfExpired(key);
    const old = this.find(key);
    if (old) this.drop(old);
    if (size > (this.bounds.maxBytes ?? Infinity)) return false;
    const byDefault = this.bounds.ttlMs === undefined ? 0 : this.now() + this.bounds.ttlMs;
    let expiresAt = options.expiresAt ?? (options.ttlMs === undefined ? byDefault : this.now() + options.ttlMs);
    if (options.keepTtl && old) expiresAt = old.expiresAt;
    const last = () => this.entries[this.entries.length - 1]!;
    if (this.entries.length === (this.bounds.maxEntries ?? Infinity)) this.drop(last(), 'entries');
    while (this.bytes + size > (this.bounds.maxBytes ?? Infinity)) this.drop(last(), 'bytes');
    this.entries.unshift({ key, value, size, expiresAt });
    this.counts.sets++;
    return true;
  }

  delete(key: Key) {
    this.dropIfExpired(key);
    const entry = this.find(key);
    if (!entry) return false;
    this.drop(entry);
    this.counts.deletes++;
    return true;
  }

  sweep() {
    const expired = this.entries.filter((entry) => this.expired(entry));
    for (const entry of expired) this.drop(entry, 'expired');
    return expired.length;
  }

  live() {
    return this.entries.filter((entry) => !this.expired(entry));
  }
}

const key = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.constantFrom<Key>('0', '1', 'a', 'b', '', '__proto__', 'constructor', 'ключ', 0.5, -1.25, 2 ** 31, -(2 ** 40)),
);
const expiry = fc.oneof(
  { weight: 3, arbitrary: fc.constant<SetOptions>({}) },
  fc.integer({ min: 1, max: 30 }).map((ttlMs): SetOptions => ({ ttlMs })),
  fc.integer({ min: 0, max: 1200 }).map((expiresAt): SetOptions => ({ expiresAt })),
  fc.constant<SetOptions>({ keepTtl: true }),
);
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('set' as const), key, size: fc.nat(12), expiry }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('get' as const), key }) },
  fc.record({ op: fc.constantFrom('peek' as const, 'has' as const, 'delete' as const, 'expiresAt' as const), key }),
  fc.record({ op: fc.constant('peekAt' as const), key }),
  fc.record({ op: fc.constant('setAt' as const), key, size: fc.nat(12), at: fc.integer({ min: 0, max: 1200 }) }),
  fc.record({ op: fc.constant('setExpiry' as const), key, at: fc.integer({ min: 0, max: 1200 }) }),
  fc.record({ op: fc.constant('tick' as const), ms: fc.nat(20) }),
  fc.record({ op: fc.constantFrom('sweep' as const, 'scan' as const, 'iterate' as const) }),
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear' as const) }) },
);
const bounds: fc.Arbitrary<Bounds> = fc.oneof(
  fc.record({ maxEntries: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ maxBytes: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ maxEntries: fc.integer({ min: 1, max: 9 }), maxBytes: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ maxEntries: fc.integer({ min: 1, max: 9 }), ttlMs: fc.integer({ min: 1, max: 30 }) }),
);
const hashing = fc.constantFrom<((key: Key) => number) | undefined>(
  undefined,
  () => 7, // everything in one chain
  (key) => (typeof key === 'number' ? 0xffffffff - (key | 0) : key.length), // uint32 as well as int32
);

describe('LruCache against a naive model', () => {
  it('agrees on results, recency order, bytes, statistics and evictions after any operations', () => {
    fc.assert(
      fc.property(bounds, hashing, fc.array(operation, { maxLength: 120 }), (limits, hash, operations) => {
        let time = 1000;
        const now = () => time;
        const evicted: [Key, number, EvictionReason][] = [];
        const model = new NaiveLru(limits, now);
        const sized = limits.maxBytes !== undefined;
        const cache = new LruCache<Key, number>({
          ...limits,
          now,
          onEvict: (evictedKey, value, reason) => evicted.push([evictedKey, value, reason]),
        });
        let value = 0;
        const places = new Map<Key, number>(); // of the entries that are there
        const run = (step: (typeof operations)[number]) => {
          const hashed = 'key' in step ? hash?.(step.key) : undefined;
          switch (step.op) {
            case 'set': {
              value++;
              const size = sized ? step.size : 0;
              const options = sized ? { ...step.expiry, size } : step.expiry;
              return [cache.set(step.key, value, options, hashed), model.set(step.key, value, size, step.expiry)];
            }
            case 'setAt': {
              const place = cache.placeOf(step.key, hashed);
              if (place === 0) return [place, model.find(step.key) === undefined ? 0 : 'missing'];
              const old = model.find(step.key)!;
              old.expiresAt = 0; // overwritten as it is, expired or not
              value++;
              const size = sized ? step.size : 0;
              return [
                cache.setAt(place, value, size, step.at),
                model.set(step.key, value, size, { expiresAt: step.at }),
              ];
            }
            case 'peekAt': {
              const place = cache.placeOf(step.key, hashed);
              return [place === 0 ? undefined : cache.peekAt(place), model.fresh(step.key)?.value];
            }
            case 'get':
              return [cache.get(step.key, hashed), model.get(step.key)];
            case 'peek':
              return [cache.peek(step.key, hashed), model.fresh(step.key)?.value];
            case 'has':
              return [cache.has(step.key, hashed), model.fresh(step.key) !== undefined];
            case 'delete':
              return [cache.delete(step.key, hashed), model.delete(step.key)];
            case 'expiresAt':
              return [cache.expiresAt(step.key, hashed), model.fresh(step.key)?.expiresAt];
            case 'setExpiry': {
              const entry = model.fresh(step.key);
              if (entry) entry.expiresAt = step.at;
              return [cache.setExpiry(step.key, step.at, hashed), entry !== undefined];
            }
            case 'tick':
              time += step.ms;
              return [time, time];
            case 'sweep': {
              const [before, modelBefore] = [evicted.length, model.evicted.length];
              const result = [cache.sweepExpired(1000), model.sweep()];
              // A sweep goes by record, not by recency.
              const byKey = (a: [Key, ...unknown[]], b: [Key, ...unknown[]]) => (String(a) < String(b) ? -1 : 1);
              evicted.push(...evicted.splice(before).sort(byKey));
              model.evicted.push(...model.evicted.splice(modelBefore).sort(byKey));
              return result;
            }
            case 'scan': {
              const seen = new Map<Key, [number, number]>();
              let visits = 0;
              let cursor = 0;
              do {
                cursor = cache.scan(cursor, 2, (k, v, at) => seen.set(k, [v, at]) && visits++);
              } while (cursor !== 0);
              const expected = model.live().map((e): [Key, [number, number]] => [e.key, [e.value, e.expiresAt]]);
              expect(visits).toBe(expected.length);
              return [seen, new Map(expected)];
            }
            case 'iterate':
              return [[...cache.keys()], model.live().map((e) => e.key)];
            case 'clear':
              cache.clear();
              model.entries = [];
              return [cache.size, 0];
          }
        };
        for (const step of operations) {
          const [actual, expected] = run(step);
          expect(actual).toEqual(expected);
          expect(cache.size).toBe(model.entries.length);
          expect(cache.bytes).toBe(model.bytes);
          const placesBefore = new Map(places);
          places.clear();
          for (const { key: held } of model.entries) {
            const place = cache.placeOf(held, hash?.(held));
            places.set(held, place);
            const own = 'key' in step && step.key === held;
            if (!own) expect(place).toBe(placesBefore.get(held));
          }
          expect(new Set([0, ...places.values()]).size).toBe(model.entries.length + 1); // each its own, none without
        }
        expect([...cache]).toEqual(model.live().map((e) => [e.key, e.value]));
        expect(evicted).toEqual(model.evicted);
        const count = (reason: EvictionReason) => model.evicted.filter((e) => e[2] === reason).length;
        expect(cache.stats()).toEqual({
          ...model.counts,
          evictions: { entries: count('entries'), bytes: count('bytes'), expired: count('expired') },
          size: model.entries.length,
          bytes: model.bytes,
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('agrees through growth and shrinkage to thousands of entries', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.nat(5000), fc.integer({ min: 1, max: 3000 })), {
          minLength: 2,
          maxLength: 8,
        }),
        (grows, phases) => {
          const limit = 6000;
          const cache = new LruCache<string, number>(
            grows ? { maxBytes: limit, sizeOf: () => 1 } : { maxEntries: limit },
          );
          const model = new Map<string, number>(); // insertion order = least recent first
          for (const [op, from, length] of phases) {
            for (let i = from; i < from + length; i++) {
              const name = `key:${i}`;
              const known = model.get(name);
              if (op === 0) {
                model.delete(name);
                model.set(name, i);
                cache.set(name, i);
                if (model.size > limit) model.delete(model.keys().next().value!);
              } else if (op === 1) {
                if (cache.delete(name) !== model.delete(name)) throw new Error(`delete ${name}`);
              } else {
                if (cache.get(name) !== known) throw new Error(`get ${name}`);
                if (model.delete(name)) model.set(name, known!);
              }
            }
          }
          expect([...cache.keys()]).toEqual([...model.keys()].reverse());
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps order, sizes and expiries while the columns and pages grow', () => {
    const entries = 150_000;
    const cache = new LruCache<number, number>({
      maxBytes: 10 * entries,
      sizeOf: (value) => 1 + (value % 3),
      now: () => 0,
    });
    for (let i = 0; i < entries; i++) cache.set(i, i, i % 2 ? { expiresAt: i } : undefined);
    let bytes = 0;
    let wrong = 0;
    for (let i = 0; i < entries; i++) {
      bytes += 1 + (i % 3);
      if (cache.peek(i) !== i || cache.expiresAt(i) !== (i % 2 ? i : 0)) wrong++;
    }
    let next = entries;
    for (const key of cache.keys()) if (key !== --next) wrong++;
    expect([cache.size, cache.bytes, wrong, next]).toEqual([entries, bytes, 0, 0]);
    for (let i = 0; i < entries; i++) cache.delete(i);
    expect([cache.size, cache.bytes]).toEqual([0, 0]);
  });
});
