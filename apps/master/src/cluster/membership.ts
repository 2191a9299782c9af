import {
  type ClusterClock,
  ClusterMembership,
  type PeerAccess,
  type Registry,
  registryFromUrl,
} from '@dcs/cluster-membership';
import { type Logger } from 'pino';
import { type MasterConfig } from '../config/master-config.js';

/** The registry that `DCS_REGISTRY` names. */
export function createRegistry(config: MasterConfig, log: Logger): Registry {
  const { DCS_REGISTRY: url, DCS_REGISTRY_PASSWORD: password } = config;
  return registryFromUrl(url, {
    ...(password === undefined ? {} : { password }),
    log: (message, details) => log.warn(details, message),
  });
}

/** A gateway observes the cluster; it is no member itself. */
export function createMembership(
  config: MasterConfig,
  registry: Registry,
  clock: ClusterClock,
  log: Logger,
  peers: Pick<PeerAccess, 'view'>,
  onListenerError: (error: unknown) => void,
): ClusterMembership {
  return new ClusterMembership({
    cluster: config.DCS_CLUSTER,
    registry,
    clock,
    heartbeatMs: config.DCS_HEARTBEAT_MS,
    leaseMs: config.DCS_LEASE_MS,
    peers,
    log: (message, details) => log.debug(details, message),
    onListenerError,
  });
}
