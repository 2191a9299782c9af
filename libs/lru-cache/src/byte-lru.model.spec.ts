import fc from 'fast-check';
import { ByteLru, type ByteSetOptions, type RemovalReason } from './index.js';

const HEADER_BYTES = 12;
const MAX_BYTES = 2 ** 17;

interface ModelEntry {
  readonly key: string;
  value: Uint8Array;
  header: number;
  expiresAt: number;
}

/** The obvious implementation, most recent first. What goes for its bytes it is told, and checks that it is the last. */
class NaiveLru {
  entries: ModelEntry[] = [];
  readonly removals: Record<RemovalReason, number> = { bytes: 0, entries: 0, expired: 0, replaced: 0, deleted: 0 };
  hits = 0;
  misses = 0;
  sets = 0;
  constructor(readonly now: () => number) {}

  find(key: string) {
    return this.entries.find((entry) => entry.key === key);
  }

  expired(entry: ModelEntry) {
    return entry.expiresAt !== 0 && entry.expiresAt <= this.now();
  }

  fresh(key: string) {
    const entry = this.find(key);
    return entry && !this.expired(entry) ? entry : undefined;
  }

  drop(entry: ModelEntry) {
    this.entries = this.entries.filter((other) => other !== entry);
  }

  toFront(entry: ModelEntry) {
    this.drop(entry);
    this.entries.unshift(entry);
  }
}

/** 0 to 2^31 - 1, the same in every run. */
function random(seed: number): () => number {
  let state = seed | 1;
  return () => (state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) & 0x7fffffff;
}

/** Deterministic bytes, different for each length and seed. */
function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed * 17 + (i >>> 8)) & 255;
  return bytes;
}

const encoder = new TextEncoder();
const keyBytes = (key: string) => encoder.encode(key);
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

const key = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 }).map((i) => `key:${i}`) },
  fc.constantFrom(
    '',
    '\0',
    'a',
    'x'.repeat(300),
    `${'x'.repeat(300)}y`,
    'long:'.repeat(200),
    `${'long:'.repeat(200)}!`,
  ),
);
const size = fc.oneof(
  { weight: 4, arbitrary: fc.nat(200) },
  { weight: 3, arbitrary: fc.integer({ min: 400, max: 1200 }) },
  fc.integer({ min: 1200, max: 20_000 }),
  fc.integer({ min: 20_000, max: 130_000 }),
);
const expiry = fc.oneof(
  { weight: 3, arbitrary: fc.constant<ByteSetOptions>({}) },
  fc.integer({ min: 1, max: 30 }).map((ttlMs): ByteSetOptions => ({ ttlMs })),
  fc.integer({ min: 0, max: 1200 }).map((expiresAt): ByteSetOptions => ({ expiresAt })),
  fc.constant<ByteSetOptions>({ expiresAt: 2 ** 40 + 0.5 }),
  fc.constant<ByteSetOptions>({ keepTtl: true }),
);
const operation = fc.oneof(
  { weight: 10, arbitrary: fc.record({ op: fc.constant('set' as const), key, size, expiry }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('get' as const), key }) },
  fc.record({ op: fc.constantFrom('touch' as const, 'has' as const), key }),
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  fc.record({ op: fc.constant('setExpiry' as const), key, at: fc.integer({ min: 0, max: 1200 }) }),
  fc.record({ op: fc.constant('header' as const), key, value: fc.nat(2 ** 31) }),
  fc.record({ op: fc.constant('tick' as const), ms: fc.nat(20) }),
  fc.record({ op: fc.constant('fill' as const), count: fc.nat(400), size: fc.nat(600) }),
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('churn' as const),
      count: fc.nat(900),
      seed: fc.nat(),
      sizes: fc.array(size, { minLength: 1, maxLength: 3 }),
    }),
  },
  fc.record({ op: fc.constant('thin' as const), seed: fc.nat() }),
  fc.record({ op: fc.constant('resize' as const), bytes: fc.integer({ min: MAX_BYTES, max: 2 * MAX_BYTES }) }),
  fc.record({ op: fc.constantFrom('sweep' as const, 'scan' as const) }),
);
const hashing = fc.constantFrom<((key: Uint8Array) => number) | undefined>(
  undefined,
  () => 7, // everything in one chain
  (bytes) => 0xffffffff - bytes.length, // uint32 as well as int32
);

describe('ByteLru against a naive model', () => {
  it('agrees on values, headers, order, expiries and removals, and never exceeds its bounds', () => {
    let moves = 0;
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
        hashing,
        fc.array(operation, { maxLength: 80 }),
        (maxEntries, hash, operations) => {
          let time = 1000;
          const model = new NaiveLru(() => time);
          const wrong: string[] = [];
          const check = (holds: boolean, what: string) => holds || wrong.push(what);
          let writing: ModelEntry | undefined;
          const cache: ByteLru = new ByteLru({
            maxBytes: MAX_BYTES,
            ...(maxEntries === undefined ? {} : { maxEntries }),
            headerBytes: HEADER_BYTES,
            now: () => time,
            seed: 1,
            onEvict: (place, reason) => {
              const gone = model.find(new TextDecoder().decode(cache.readKey(place)));
              if (gone === undefined) return void wrong.push('removed what is not there');
              check(same(cache.readValue(place), gone.value), 'onEvict reads another value');
              check(cache.header(place).getUint32(8) === gone.header, 'onEvict reads another header');
              check(cache.bytes <= cache.maxBytes!, 'a bound is exceeded in onEvict');
              model.removals[reason]++;
              if (reason === 'replaced') return;
              const last = model.entries.filter((entry) => entry !== writing).at(-1);
              if (reason === 'bytes' || reason === 'entries') check(gone === last, 'evicted another than the last');
              if (reason === 'entries') check(model.entries.length === maxEntries, 'evicted below the bound');
              if (reason === 'expired') check(model.expired(gone), 'expired too early');
              model.drop(gone);
            },
          });
          const hashOf = (bytes: Uint8Array) => hash?.(bytes) ?? cache.hashOf(bytes);
          const place = (name: string) =>
            cache.peekHashed(hashOf(keyBytes(name)), keyBytes(name), 0, keyBytes(name).length);

          const set = (name: string, length: number, options: ByteSetOptions) => {
            const bytes = keyBytes(name);
            const value = bytesOf(length, name.length);
            const old = model.fresh(name);
            const rounded = Math.ceil(options.expiresAt ?? (options.ttlMs === undefined ? 0 : time + options.ttlMs));
            const expiresAt = options.keepTtl && old ? old.expiresAt : rounded;
            writing = old;
            if (old) model.toFront(old);
            let at: number;
            if (hash === undefined) at = cache.set(bytes, value, options);
            else {
              // Around it, so that offsets count.
              const k = Uint8Array.from([1, ...bytes, 1]);
              const v = new Uint8Array(value.length + 7);
              v.set(value, 3);
              at = cache.setHashed(hashOf(bytes), k, 1, bytes.length, v, 3, value.length, expiresAt);
            }
            writing = undefined;
            const entry = model.find(name);
            if (at === 0) {
              check(length > 60_000, 'refused what fits');
              if (entry) model.drop(entry);
              return;
            }
            model.sets++;
            if (entry) Object.assign(entry, { value, header: 0, expiresAt });
            else model.entries.unshift({ key: name, value, header: 0, expiresAt });
          };

          let filled = 0;
          for (const step of operations) {
            switch (step.op) {
              case 'set':
                set(step.key, step.size, step.expiry);
                break;
              case 'fill':
                for (let i = 0; i < step.count; i++) set(`fill:${filled++ % 500}`, step.size, {});
                break;
              case 'churn': {
                // Entries of different ages and sizes in each page: what makes records move.
                const next = random(step.seed);
                for (let i = 0; i < step.count; i++) {
                  const name = `fill:${next() % 700}`;
                  const at = next() % 3 === 0 ? place(name) : 0;
                  if (at === 0) set(name, step.sizes[next() % step.sizes.length]! % 9000, {});
                  else {
                    cache.touchAt(at);
                    model.toFront(model.find(name)!);
                  }
                }
                moves += cache.stats().pagesMoved;
                break;
              }
              case 'thin': {
                const next = random(step.seed);
                for (const { key: name } of model.entries) {
                  const at = next() % 8 === 0 ? 0 : place(name);
                  if (at !== 0) cache.deleteAt(at);
                }
                break;
              }
              case 'get': {
                const bytes = keyBytes(step.key);
                const entry = model.fresh(step.key);
                const at = hash ? cache.getHashed(hashOf(bytes), bytes, 0, bytes.length) : cache.get(bytes);
                check((at !== 0) === (entry !== undefined), 'get');
                if (entry) {
                  model.hits++;
                  model.toFront(entry);
                } else model.misses++;
                break;
              }
              case 'has':
                check((place(step.key) !== 0) === (model.fresh(step.key) !== undefined), 'has');
                break;
              case 'touch': {
                const at = place(step.key);
                if (at === 0) break;
                cache.touchAt(at);
                model.toFront(model.find(step.key)!);
                break;
              }
              case 'delete': {
                const there = model.fresh(step.key) !== undefined;
                const bytes = keyBytes(step.key);
                check(cache.deleteHashed(hashOf(bytes), bytes, 0, bytes.length) === there, 'delete');
                break;
              }
              case 'setExpiry': {
                const at = place(step.key);
                if (at === 0) break;
                cache.setExpiry(at, step.at);
                model.find(step.key)!.expiresAt = step.at;
                break;
              }
              case 'header': {
                const at = place(step.key);
                if (at === 0) break;
                cache.header(at).setUint32(8, step.value);
                model.find(step.key)!.header = step.value;
                break;
              }
              case 'tick':
                time += step.ms;
                break;
              case 'resize':
                cache.resize(step.bytes);
                break;
              case 'sweep': {
                const expired = model.entries.filter((entry) => model.expired(entry)).length;
                check(cache.sweepExpired(1_000_000) === expired, 'sweep');
                break;
              }
              case 'scan': {
                const seen: string[] = [];
                let cursor = 0;
                do {
                  cursor = cache.scan(cursor, 5, (at) => seen.push(new TextDecoder().decode(cache.readKey(at))));
                } while (cursor !== 0);
                const live = model.entries.filter((entry) => !model.expired(entry)).map((entry) => entry.key);
                check(seen.sort().join() === live.sort().join(), 'scan');
              }
            }
            check(cache.bytes <= cache.maxBytes!, `a bound is exceeded after ${step.op}`);
            check(cache.size === model.entries.length, `size after ${step.op}`);
            expect(wrong).toEqual([]);
          }

          const live = model.entries.filter((entry) => !model.expired(entry));
          const keys = [...cache.places()].map((at) => new TextDecoder().decode(cache.readKey(at)));
          expect(keys).toEqual(live.map((entry) => entry.key));
          expect([...cache.places('oldest')]).toEqual([...cache.places()].reverse());
          for (const entry of live) {
            const at = place(entry.key);
            check(same(cache.readValue(at), entry.value), `value of ${entry.key}`);
            check(cache.expiresAt(at) === entry.expiresAt, `expiry of ${entry.key}`);
            check(cache.header(at).getUint32(8) === entry.header, `header of ${entry.key}`);
          }
          expect(wrong).toEqual([]);
          const stats = cache.stats();
          expect(stats).toMatchObject({
            hits: model.hits,
            misses: model.misses,
            sets: model.sets,
            removals: model.removals,
            payloadBytes: model.entries.reduce((sum, e) => sum + keyBytes(e.key).length + e.value.length, 0),
          });
          expect(stats.arenaBytes).toBeGreaterThanOrEqual(stats.recordBytes + stats.freeBytes);
        },
      ),
      { numRuns: 100 },
    );
    expect(moves).toBeGreaterThan(0);
  });
});
