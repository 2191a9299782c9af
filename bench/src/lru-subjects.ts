import { LruCache } from '@dcs/lru-cache';
import { LRUCache } from 'lru-cache';
import { LRUMapWithDelete } from 'mnemonist';

/** What the workloads need; all three caches have it as it stands, so no adapter is measured. */
export interface Cache<K> {
  get(key: K): unknown;
  set(key: K, value: object): unknown;
  delete(key: K): boolean;
}

const DAY_MS = 86_400_000;
const SIZE = 100;

/** Caches of a number of entries; those with `+` also count bytes and give every entry a time to live. */
export const subjects = {
  '@dcs/lru-cache': <K extends string | number>(entries: number): Cache<K> => new LruCache({ maxEntries: entries }),
  '@dcs/lru-cache +': <K extends string | number>(entries: number): Cache<K> =>
    new LruCache({ maxEntries: entries, maxBytes: entries * SIZE, sizeOf: () => SIZE, ttlMs: DAY_MS }),
  '@dcs/lru-cache, bytes only': <K extends string | number>(entries: number): Cache<K> =>
    new LruCache({ maxBytes: entries * SIZE, sizeOf: () => SIZE }),
  mnemonist: <K extends string | number>(entries: number): Cache<K> => new LRUMapWithDelete<K, object>(entries),
  'lru-cache': <K extends string | number>(entries: number): Cache<K> => new LRUCache<K, object>({ max: entries }),
  'lru-cache +': <K extends string | number>(entries: number): Cache<K> =>
    new LRUCache<K, object>({
      max: entries,
      maxSize: entries * SIZE,
      sizeCalculation: () => SIZE,
      ttl: DAY_MS,
    }),
};

export type Subject = keyof typeof subjects;
