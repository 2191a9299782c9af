import { checkFields, invalid } from './errors.js';
import type { DampingPolicy } from './damping.js';
import { FileRegistry } from './file-registry.js';
import { MemoryRegistry } from './memory-registry.js';
import { RedisRegistry } from './redis-registry.js';
import { parseRedisUrl } from './redis-url.js';
import type { Registry } from './registry.js';

export interface RegistryUrlOptions {
  /** A bound on every call, ms. Default: the registry's own (file: 2000, Redis: 1000). */
  readonly timeoutMs?: number;
  /** The same in every process of a cluster. */
  readonly damping?: Partial<DampingPolicy>;
  /** Instead of the ones in the URL. */
  readonly username?: string;
  readonly password?: string;
  /** Of the Sentinels, where they ask for one. */
  readonly sentinelPassword?: string;
  /** Told of connection errors and of damaged files. */
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

const OPTIONS = ['timeoutMs', 'damping', 'username', 'password', 'sentinelPassword', 'log'];
const FILE = 'file:';
const MEMORY = 'memory:';

/**
 * The registry that a URL names: `memory:` (this process alone), `file:directory` (the processes of one machine), or
 * one of Redis: `redis://`, `rediss://`, `redis+sentinel://`, `redis+cluster://`. Connects with the first call.
 *
 * @throws MembershipError `ERR_INVALID_OPTION` for a URL that is none; its message shows no password
 */
export function registryFromUrl(url: string, options: RegistryUrlOptions = {}): Registry {
  checkFields('registryFromUrl', options, OPTIONS);
  checkRegistryUrl(url);
  const { username, password, sentinelPassword, timeoutMs, damping, log } = options;
  const common = { ...(timeoutMs !== undefined && { timeoutMs }), ...(log && { log }), ...(damping && { damping }) };
  if (url === MEMORY) return new MemoryRegistry(damping ? { damping } : {});
  if (url.startsWith(FILE)) return new FileRegistry({ directory: url.slice(FILE.length), ...common });
  return new RedisRegistry({
    url,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...common,
  });
}

/** @throws MembershipError `ERR_INVALID_OPTION` for what `registryFromUrl` does not take; shows no password */
export function checkRegistryUrl(url: string): void {
  if (url === MEMORY || (typeof url === 'string' && url.startsWith(FILE) && url.length > FILE.length)) return;
  if (typeof url === 'string' && /^rediss?(\+\w*)?:/.test(url)) return void parseRedisUrl(url);
  const shown = typeof url === 'string' ? url.replace(/\/\/.*@/s, '//***@') : url;
  throw invalid('url', shown, 'memory:, file:directory, redis://, rediss://, redis+sentinel:// or redis+cluster://');
}
