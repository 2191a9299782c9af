import { LruCache, LruCacheError, type EvictionReason, type LruCacheOptions } from '../src/index.js';

export type Key = string | number;
/** The code of the error that it throws. */
export const code = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof LruCacheError ? error.code : `not a LruCacheError: ${String(error)}`;
  }
};
/** The text of the error that it throws. */
export const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
};
/** A cache on a clock that the test moves. */
export function clocked(options: LruCacheOptions<Key, unknown>) {
  const clock = { ms: 1000 };
  const evicted: [Key, unknown, EvictionReason][] = [];
  const cache = new LruCache<Key, unknown>({
    now: () => clock.ms,
    onEvict: (key, value, reason) => evicted.push([key, value, reason]),
    ...options,
  });
  return { cache, clock, evicted };
}
