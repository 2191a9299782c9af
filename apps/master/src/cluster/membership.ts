import { ClusterMembership, FileRegistry, MemoryRegistry, RedisRegistry, type Registry } from '@dcs/cluster-membership';
import { type Logger } from 'pino';
import { type MasterConfig } from '../config/master-config.js';

const FILE = 'file:';

/** The registry that `DCS_REGISTRY` names. @throws MembershipError ERR_INVALID_OPTION for a URL that is none. */
export function createRegistry(url: string, log: Logger): Registry {
  if (url === 'memory:') return new MemoryRegistry();
  if (url.startsWith(FILE)) {
    return new FileRegistry({
      directory: url.slice(FILE.length),
      log: (message, details) => log.warn(details, message),
    });
  }
  return new RedisRegistry({ url });
}

/** A gateway observes the cluster; it is no member itself. */
export function createMembership(config: MasterConfig, registry: Registry, log: Logger): ClusterMembership {
  return new ClusterMembership({
    cluster: config.DCS_CLUSTER,
    registry,
    heartbeatMs: config.DCS_HEARTBEAT_MS,
    leaseMs: config.DCS_LEASE_MS,
    log: (message, details) => log.debug(details, message),
  });
}
