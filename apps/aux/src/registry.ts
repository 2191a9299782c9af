import { FileRegistry, MemoryRegistry, RedisRegistry, type Registry } from '@dcs/cluster-membership';
import type { Logger } from 'pino';

const FILE = 'file:';

/** The registry that `DCS_REGISTRY` names. */
export function createRegistry(url: string, log: Logger): Registry {
  const options = { log: (message: string, details: Readonly<Record<string, unknown>>) => log.warn(details, message) };
  if (url === 'memory:') return new MemoryRegistry();
  if (url.startsWith(FILE)) return new FileRegistry({ directory: url.slice(FILE.length), ...options });
  return new RedisRegistry({ url, ...options });
}
