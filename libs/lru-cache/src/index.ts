export { LruCache } from './lru-cache.js';
export type { LruCacheStats } from './counters.js';
export { LruCacheError } from './errors.js';
export type { LruCacheErrorCode } from './errors.js';
export type { EvictionReason } from './evictions.js';
export type { LruCacheOptions, SetOptions } from './options.js';
