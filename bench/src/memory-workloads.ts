import { readFileSync } from 'node:fs';
import { ByteLru, LruCache } from '@dcs/lru-cache';

/*
 * Run by memory.ts in a process of its own per subject and round. Prints one JSON object.
 *
 *   rss <value bytes> <entries>   growth of the resident set per entry of a ByteLru
 *   bytes <entries>               CPU ns per get and set of a ByteLru: bytes in, bytes out
 *   strings <entries>             the same of an LruCache of strings: bytes in, bytes out
 */
const KEY_BYTES = 16;
const HEADER_BYTES = 16;
const VALUE_BYTES = 100;
const OPERATIONS = 400_000;
const GIB = 2 ** 30;

/** The keys of redis-benchmark, `key:` and twelve digits, one after the other, as a socket has received them. */
function keysOf(count: number): Buffer {
  const keys = Buffer.alloc(count * KEY_BYTES, 'key:000000000000', 'latin1');
  for (let i = 0; i < count; i++) {
    const digits = String(i);
    keys.write(digits, (i + 1) * KEY_BYTES - digits.length, 'latin1');
  }
  return keys;
}

function resident(): number {
  globalThis.gc?.();
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

function rss(valueBytes: number, entries: number): Record<string, number> {
  const keys = keysOf(entries);
  const value = Buffer.alloc(valueBytes, 'v');
  const cache = new ByteLru({ maxBytes: 4 * GIB, headerBytes: HEADER_BYTES });
  const put = (i: number) =>
    cache.setHashed(cache.hashOf(keys, i * KEY_BYTES, KEY_BYTES), keys, i * KEY_BYTES, KEY_BYTES, value, 0, valueBytes);
  const before = resident();
  for (let i = 0; i < entries; i++) put(i);
  return { bytes: (resident() - before) / cache.size, counted: cache.bytes / cache.size };
}

/** Keys at random, the same in every run. */
function order(entries: number, seed: number): Int32Array {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0) >>> 0;
  return Int32Array.from({ length: OPERATIONS }, () => Math.floor((next() / 2 ** 32) * entries));
}

function cpuOf(entries: number, get: (i: number) => void, set: (i: number) => void): Record<string, number> {
  for (let i = 0; i < entries; i++) set(i);
  const timed = (run: (i: number) => void) => {
    let spent = 0;
    for (let pass = 0; pass < 3; pass++) {
      const indexes = order(entries, pass);
      const before = process.cpuUsage();
      for (const i of indexes) run(i);
      const { user, system } = process.cpuUsage(before);
      if (pass > 0) spent += user + system;
    }
    return (spent * 1000) / (2 * OPERATIONS);
  };
  return { get: timed(get), set: timed(set) };
}

function bytes(entries: number): Record<string, number> {
  const keys = keysOf(entries);
  const value = Buffer.alloc(VALUE_BYTES, 'v');
  const output = Buffer.alloc(VALUE_BYTES);
  const cache = new ByteLru({ maxEntries: entries, maxBytes: 4 * GIB, headerBytes: HEADER_BYTES });
  return cpuOf(
    entries,
    (i) => {
      const at = i * KEY_BYTES;
      const place = cache.getHashed(cache.hashOf(keys, at, KEY_BYTES), keys, at, KEY_BYTES);
      if (cache.copyValue(place, output) !== VALUE_BYTES) throw new Error(`entry ${i} is not there`);
    },
    (i) => {
      const at = i * KEY_BYTES;
      cache.setHashed(cache.hashOf(keys, at, KEY_BYTES), keys, at, KEY_BYTES, value, 0, VALUE_BYTES);
    },
  );
}

function strings(entries: number): Record<string, number> {
  const keys = keysOf(entries);
  const value = Buffer.alloc(VALUE_BYTES, 'v');
  const output = Buffer.alloc(VALUE_BYTES);
  const cache = new LruCache<string, string>({ maxEntries: entries });
  const key = (i: number) => keys.toString('latin1', i * KEY_BYTES, (i + 1) * KEY_BYTES);
  return cpuOf(
    entries,
    (i) => {
      const found = cache.get(key(i));
      if (found === undefined || output.write(found, 0, 'latin1') !== VALUE_BYTES) throw new Error(`no entry ${i}`);
    },
    (i) => cache.set(key(i), value.toString('latin1')),
  );
}

const [name, first, second] = process.argv.slice(2);
const run = {
  rss: () => rss(Number(first), Number(second)),
  bytes: () => bytes(Number(first)),
  strings: () => strings(Number(first)),
};
console.log(JSON.stringify(run[name as keyof typeof run]()));
