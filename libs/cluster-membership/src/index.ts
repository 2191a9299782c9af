export { ClockOffset, type ClockReading } from './clock-offset.js';
export { ClusterClock, type ClusterClockOptions, MAX_CLOCK_GAP_MS } from './cluster-clock.js';
export { ClusterMembership } from './cluster-membership.js';
export type { MembershipEvents, RegistryStatus } from './membership-events.js';
export { type DampingPolicy } from './damping.js';
export {
  MembershipError,
  type MembershipErrorCode,
  isMembershipError,
  MemberSupersededError,
  RegistryError,
  type RegistryErrorCode,
} from './errors.js';
export { FileRegistry, type FileRegistryOptions } from './file-registry.js';
export { checkedMember, type Member, type MemberState, type View } from './member.js';
export { type ClusterMembershipOptions, type Self, type Timers } from './membership-options.js';
export { MemoryRegistry, type MemoryRegistryOptions } from './memory-registry.js';
export { type PeerAccess, type ProbeAnswer, type ProbeOutcome } from './peer-access.js';
export { type RedisClient } from './redis-client.js';
export { RedisRegistry, type RedisRegistryOptions } from './redis-registry.js';
export {
  commonVersion,
  type MemberSettings,
  replicationFactor,
  type SettingsConflict,
  settingsConflict,
  UNSTATED_PROTOCOL,
  type VersionRange,
} from './settings.js';
export { type Accusation, type Heartbeat, type HeartbeatResult, type ReadOptions, type Registry } from './registry.js';
export { checkRegistryUrl, registryFromUrl, type RegistryUrlOptions } from './registry-url.js';
export { WantedMembers } from './wanted-members.js';
