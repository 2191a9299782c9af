export { type Cluster, startCluster } from './cluster.js';
export {
  type AuxInfo,
  type ClusterEvent,
  type ClusterOptions,
  type MasterInfo,
  type ProcessExit,
} from './cluster-plan.js';
export { LauncherError, type LauncherErrorCode } from './errors.js';
