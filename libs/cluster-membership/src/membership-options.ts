import type { ClusterClock } from './cluster-clock.js';
import { checkFields, invalid } from './errors.js';
import { type Member, type MemberState, checkCluster, checkInteger, checkedMember } from './member.js';
import type { PeerAccess } from './peer-access.js';
import { DEFAULT_LEASE_MS, type Registry } from './registry.js';
import type { MemberSettings } from './settings.js';

/** What a member says of itself; the incarnation is made by `ClusterMembership`. */
export interface Self {
  readonly id: string;
  readonly host: string;
  readonly dataPort: number;
  readonly httpPort: number;
  /** Default 1. */
  readonly weight?: number;
  /** Default `''`. */
  readonly zone?: string;
  /** Default `'joining'`. */
  readonly state?: MemberState;
  /** What all members must agree on; other processes read it in the view. */
  readonly settings?: MemberSettings;
}

/** Where waiting comes from; the default is the process's own timers. */
export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

export interface ClusterMembershipOptions {
  /** 1 to 64 letters, digits, `.`, `_` or `-`. */
  readonly cluster: string;
  /** Given: a member. Left out: an observer. */
  readonly self?: Self;
  /** Stays the caller's: `close()` does not close it. */
  readonly registry: Registry;
  /** Between heartbeats (observers: reads), spread by 10 %, milliseconds. Default 1000. At most half of `leaseMs`. */
  readonly heartbeatMs?: number;
  /** How long a silent member stays in, milliseconds. Default 3000. */
  readonly leaseMs?: number;
  /** How long `join()` and `start()` try to reach the registry, milliseconds. Default 10000. */
  readonly joinTimeoutMs?: number;
  /** Least time between two reads made by `refresh()` and by change hints, milliseconds. Default 100. */
  readonly refreshIntervalMs?: number;
  /**
   * How members reach each other; observers need `view` only. Without `probe` the registry alone decides who is in: a member whose lease ran out is taken
   * for dead, unless most of the view is silent, and `isFenced` is never true. Default none.
   */
  readonly peers?: Partial<PeerAccess>;
  /** Whether this process has not run for a while, so that it accuses nobody. Default never. */
  readonly isLagging?: () => boolean;
  /**
   * The cluster's time in this process: looked at after each exchange with the registry, and drawn anew where it is too
   * far off, which is told by the event `clock`. Default none.
   */
  readonly clock?: ClusterClock;
  /** Milliseconds since 1970: for the incarnation and `lastHeartbeatAt`. Default that of `clock`, else `Date.now`. */
  readonly now?: () => number;
  /** Milliseconds on a clock that nobody sets: durations are measured by it. Default `performance.now`. */
  readonly monotonic?: () => number;
  /** 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
  readonly timers?: Timers;
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
  /** A listener threw. @defaultValue throws it again on its own, as an uncaught exception */
  readonly onListenerError?: (error: unknown) => void;
}

export interface CheckedOptions extends Required<Omit<ClusterMembershipOptions, 'self' | 'peers' | 'clock'>> {
  readonly self: Member | undefined;
  readonly peers: Partial<PeerAccess>;
  readonly clock: ClusterClock | undefined;
}

const OPTIONS = [
  ...['cluster', 'self', 'registry', 'heartbeatMs', 'leaseMs', 'joinTimeoutMs', 'refreshIntervalMs'],
  ...['peers', 'isLagging', 'clock', 'now', 'monotonic', 'random', 'timers', 'log', 'onListenerError'],
];
const SELF = ['id', 'host', 'dataPort', 'httpPort', 'weight', 'zone', 'state', 'settings'];

const systemTimers: Timers = {
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

export function checkedOptions(options: ClusterMembershipOptions): CheckedOptions {
  checkFields('ClusterMembership', options, OPTIONS);
  const { cluster, registry, self } = options;
  if (self !== undefined) checkFields('self', self, SELF);
  const { heartbeatMs = 1000, leaseMs = DEFAULT_LEASE_MS, joinTimeoutMs = 10_000, refreshIntervalMs = 100 } = options;
  const { peers = {}, isLagging = () => false, clock, monotonic = () => performance.now() } = options;
  const { now = clock?.now ?? Date.now, random = Math.random, timers = systemTimers, log = () => undefined } = options;
  const { onListenerError = rethrowLater } = options;
  checkCluster(cluster);
  if (typeof registry?.heartbeat !== 'function') throw invalid('registry', registry, 'a Registry');
  checkInteger('leaseMs', leaseMs, 2, 86_400_000);
  checkInteger('heartbeatMs', heartbeatMs, 1, Math.floor(leaseMs / 2));
  checkInteger('joinTimeoutMs', joinTimeoutMs, 1, 86_400_000);
  checkInteger('refreshIntervalMs', refreshIntervalMs, 0, 60_000);
  const member =
    self && checkedMember({ weight: 1, zone: '', state: 'joining', ...defined(self), incarnation: Math.floor(now()) });
  return {
    ...{ cluster, registry, self: member, heartbeatMs, leaseMs, joinTimeoutMs, refreshIntervalMs },
    ...{ peers, isLagging, clock, now, monotonic, random, timers, log, onListenerError },
  };
}

function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Without the fields that were given as undefined, which would hide a default. */
function defined(self: Self): Self {
  return Object.fromEntries(Object.entries(self).filter(([, value]) => value !== undefined)) as unknown as Self;
}
