import { LruCache } from '@dcs/lru-cache';
import { type Cache, type Subject, subjects } from './lru-subjects.js';

/*
 * Run by lru.ts in a process of its own per subject, group and round, so that no subject runs on what the compiler
 * learnt about another. Prints one JSON object: name of the measurement -> value.
 */
const ENTRIES = 100_000;
const OPERATIONS = 100_000;
const UNIVERSE = 4 * ENTRIES;
const BATCH = 1000;
const WARM_UPS = 2;
const MILLION = 1_000_000;
/** Past the 2^23 live entries at which a V8 Map under churn gives up. */
const LARGE = 9_000_000;

const value = { stored: true };

/** The same pseudo-random sequence in every run (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KEY_LENGTH = 20;
const KEYS = MILLION + MILLION / 4;
/** What the socket has received: keys of 20 characters, one after the other. */
const wire = Buffer.alloc(KEYS * KEY_LENGTH, 'user:000000000000000', 'latin1');
for (let i = 0; i < KEYS; i++) {
  const digits = String(i);
  wire.write(digits, (i + 1) * KEY_LENGTH - digits.length, 'latin1');
}
/** Key `i` as a socket delivers it: a flat, new string that was never hashed. */
const fresh = (i: number) => wire.toString('latin1', i * KEY_LENGTH, (i + 1) * KEY_LENGTH);

function ranks(kind: 'uniform' | 'zipf' | 'sequence', universe: number, seed: number): Int32Array {
  const next = random(seed);
  const out = new Int32Array(OPERATIONS);
  // Each pass goes on where the last one stopped: an endless sequence of keys, none of which is still there.
  if (kind === 'sequence') return out.map((_, i) => (seed * OPERATIONS + i) % universe);
  if (kind === 'uniform') return out.map(() => Math.floor(next() * universe));
  // Zipf 0.99 by its cumulative distribution; ranks are scattered so that popular keys are not neighbours.
  const cumulative = new Float64Array(universe);
  let sum = 0;
  for (let i = 0; i < universe; i++) cumulative[i] = sum += 1 / (i + 1) ** 0.99;
  return out.map(() => {
    const target = next() * sum;
    let low = 0;
    let high = universe - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return (low * 7919) % universe;
  });
}

/**
 * CPU ns per operation: the median of three passes after the warm-up. Keys are delivered in small batches just before
 * they are used, as from a socket, outside the measurement.
 */
function measure<T>(order: (pass: number) => Int32Array, deliver: (i: number) => T, run: (batch: T[]) => void): number {
  const results: number[] = [];
  for (let pass = 0; pass < WARM_UPS + 3; pass++) {
    const indexes = order(pass);
    let spent = 0;
    for (let at = 0; at < indexes.length; at += BATCH) {
      const batch: T[] = [];
      for (let i = at; i < at + BATCH; i++) batch.push(deliver(indexes[i]!));
      const before = process.cpuUsage();
      run(batch);
      const { user, system } = process.cpuUsage(before);
      spent += user + system;
    }
    if (pass >= WARM_UPS) results.push((spent * 1000) / indexes.length);
  }
  return results.sort((a, b) => a - b)[1]!;
}

function workloads<K extends string | number>(
  create: (entries: number) => Cache<K>,
  deliver: (i: number) => K,
): Record<string, number> {
  const filled = () => {
    const cache = create(ENTRIES);
    for (let i = 0; i < ENTRIES; i++) cache.set(deliver(i), value);
    return cache;
  };
  const uniform = (pass: number) => ranks('uniform', ENTRIES, pass);
  const read = filled();
  const hit = measure(uniform, deliver, (batch) => {
    for (const key of batch) if (read.get(key) !== value) throw new Error(`${key} is not there`);
  });
  const updated = filled();
  const update = measure(uniform, deliver, (batch) => {
    for (const key of batch) updated.set(key, value);
  });
  const renewed = filled();
  const deleteAdd = measure(uniform, deliver, (batch) => {
    for (const key of batch) {
      renewed.delete(key);
      renewed.set(key, value);
    }
  });
  const full = filled();
  const evict = measure(
    (pass) => ranks('sequence', UNIVERSE, pass),
    deliver,
    (batch) => {
      for (const key of batch) full.set(key, value);
    },
  );
  const mixed = filled();
  const zipf = measure(
    (pass) => ranks('zipf', UNIVERSE, pass),
    deliver,
    (batch) => {
      for (const key of batch) if (mixed.get(key) === undefined) mixed.set(key, value);
    },
  );
  return { hit, update, 'set + evict': evict, Zipf: zipf, 'delete + add': deleteAdd };
}

/** Hits and evictions when the caller has the hash already. */
function handedIn(): Record<string, number> {
  const cache = new LruCache<string, object>({ maxEntries: ENTRIES });
  const keys = Array.from({ length: UNIVERSE }, (_, i) => fresh(i));
  const hashes = Int32Array.from(keys, (key) => cache.hashOf(key));
  for (let i = 0; i < ENTRIES; i++) cache.set(keys[i]!, value, undefined, hashes[i]!);
  const deliver = (i: number) => ({ key: fresh(i), hash: hashes[i]! });
  const hit = measure(
    (pass) => ranks('uniform', ENTRIES, pass),
    deliver,
    (batch) => {
      for (const { key, hash } of batch) if (cache.get(key, hash) === undefined) throw new Error('a miss');
    },
  );
  const evict = measure(
    (pass) => ranks('sequence', UNIVERSE, pass),
    deliver,
    (batch) => {
      for (const { key, hash } of batch) cache.set(key, value, undefined, hash);
    },
  );
  return { hit, 'set + evict': evict };
}

/** Bytes that a full cache of a million takes, keys and values aside. */
function memory(create: (entries: number) => Cache<string>): Record<string, number> {
  const used = () => {
    for (let i = 0; i < 3; i++) globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const keys = Array.from({ length: MILLION }, (_, i) => fresh(i));
  const before = used();
  const cache = create(MILLION);
  for (const key of keys) cache.set(key, value);
  const after = used();
  if (cache.get(keys[0]!) === undefined) throw new Error('an entry is missing');
  return { 'bytes per entry': (after - before) / MILLION };
}

/**
 * The longest single `set` while a cache fills to a million and goes on evicting. A set counts with the smaller of its
 * wall-clock and its CPU time: the first includes the turns of other processes, the second the collector's threads.
 */
function worst(create: (entries: number) => Cache<string>): Record<string, number> {
  const keys = Array.from({ length: MILLION + MILLION / 4 }, (_, i) => fresh(i));
  const warm = create(ENTRIES);
  for (let i = 0; i < 2 * ENTRIES; i++) warm.set(keys[i]!, value);
  const cache = create(MILLION);
  globalThis.gc?.();
  let longest = 0;
  let cpu = process.cpuUsage();
  for (const key of keys) {
    const start = process.hrtime.bigint();
    cache.set(key, value);
    const wall = Number(process.hrtime.bigint() - start) / 1e6;
    const now = process.cpuUsage();
    const spent = (now.user - cpu.user + now.system - cpu.system) / 1000;
    longest = Math.max(longest, Math.min(wall, spent));
    cpu = now;
  }
  return { 'worst single set, ms': longest };
}

/** More live entries than a Map under churn can hold; the result is CPU ns per set, fill and churn together. */
function large(create: (entries: number) => Cache<number>): Record<string, number> {
  const cache = create(LARGE);
  const total = 2 * LARGE;
  const before = process.cpuUsage();
  for (let i = 0; i < total; i++) {
    cache.set(i, value);
    if (i % 3 === 0 && cache.delete(i)) cache.set(i, value);
  }
  const { user, system } = process.cpuUsage(before);
  if (cache.get(total - LARGE) !== value || cache.get(total - LARGE - 1) !== undefined)
    throw new Error('wrong entries');
  return { [`${LARGE / 1e6}M live, set under churn`]: ((user + system) * 1000) / total };
}

const groups = {
  strings: (create) => workloads(create<string>, fresh),
  objects: (create) => {
    const universe = Array.from({ length: UNIVERSE }, (_, i) => fresh(i));
    return workloads(create<string>, (i) => universe[i]!);
  },
  integers: (create) => workloads(create<number>, (i) => i),
  'handed in': () => handedIn(),
  memory: (create) => memory(create<string>),
  worst: (create) => worst(create<string>),
  large: (create) => large(create<number>),
} satisfies Record<string, (create: (typeof subjects)[Subject]) => Record<string, number>>;

export type Group = keyof typeof groups;

const [group, subject] = process.argv.slice(2) as [Group, Subject];
try {
  console.log(JSON.stringify(groups[group](subjects[subject])));
} catch (error) {
  console.log(JSON.stringify({ failed: error instanceof Error ? error.message : String(error) }));
}
