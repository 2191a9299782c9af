import type { ClockReading } from './clock-offset.js';
import { invalid } from './errors.js';
import { checkId, checkInteger, checkedMember, type Member, type View } from './member.js';

/** A member did not answer on its data port. */
export interface Accusation {
  readonly id: string;
  /** Of the process that did not answer. */
  readonly incarnation: number;
  /** `refused`: nobody listens there, or another process does. `silent`: no answer. */
  readonly kind: 'silent' | 'refused';
}

export interface Heartbeat {
  readonly member: Member;
  /** How long the member stays in without another heartbeat. */
  readonly leaseMs: number;
  /** Highest epoch the caller has seen; 0 for none. A registry that is behind it was wiped or rolled back. */
  readonly minEpoch: number;
  /**
   * Members in the caller's last view. A registry found wiped waits until so many have come back, or one lease,
   * before it publishes a view again. Default 0: it does not wait.
   */
  readonly viewSize?: number;
  /** All that the member says of others at present; what it has said before and does not repeat is withdrawn. Default none. */
  readonly accuses?: readonly Accusation[];
}

export interface HeartbeatResult {
  readonly view: View;
  /** Ids this call expelled, sorted: their leases were over, and the accusations against them sufficed. */
  readonly expelled: readonly string[];
  /** The member flapped: it holds a lease and is not in the view yet. */
  readonly damped: boolean;
  /** Epoch with which the member came into the view last; 0 where a registry that was wiped took it over. */
  readonly admittedEpoch: number;
  /** Ids of other members that have not been heard for more than half of their lease, sorted. */
  readonly overdue: readonly string[];
  /** Wall clock of the registry, milliseconds since 1970. */
  readonly serverTimeMs: number;
}

/** What an observer knows; lets a wiped registry catch up with observers even where every member is new. */
export interface ReadOptions {
  /** Highest epoch the caller has seen. Default 0. */
  readonly minEpoch?: number;
  /** Members in the caller's last view. Default 0. */
  readonly viewSize?: number;
  /** How long a registry found behind `minEpoch` waits for members to come back. Default 3000. */
  readonly leaseMs?: number;
}

/**
 * The one authority on who is in. Every method rejects with a `RegistryError` within a bounded time when the
 * registry cannot do what is asked, and with `ERR_INVALID_OPTION` on bad input.
 */
export interface Registry {
  /**
   * Renews the lease (or adds the member, or takes over a changed record), expels in the same atomic step the members
   * whose leases are over and against whom the accusations suffice (see expulsion.ts), and raises the epoch only if the
   * set or a record changed. The epoch never stays below `minEpoch`.
   */
  heartbeat(cluster: string, heartbeat: Heartbeat): Promise<HeartbeatResult>;
  /** Leaves: takes the member out unless a newer incarnation is in. */
  remove(cluster: string, id: string, incarnation: number, minEpoch: number): Promise<View>;
  /** The view now; expels like a heartbeat. */
  read(cluster: string, options?: ReadOptions): Promise<View>;
  /** Calls back soon after a change. A hint: a lost one costs no more than a heartbeat. */
  subscribe(cluster: string, onChange: () => void): Promise<() => Promise<void>>;
  /**
   * What the exchanges so far tell of the cluster's time, which all processes of the cluster share: see `ClusterClock`.
   * A new object whenever there is something new; undefined before the first exchange, and always where the registry has
   * no time but the process's own.
   */
  readonly clockReading?: ClockReading | undefined;
  /** Idempotent. */
  close(): Promise<void>;
}

export const DEFAULT_LEASE_MS = 3000;

/** No epoch is ever near 2^53; a floor this high is a defect of the caller's. */
export const MAX_EPOCH = 2 ** 50;
const MAX_LEASE_MS = 86_400_000;

/** The request with defaults filled in and every field checked. */
export function checkedHeartbeat(heartbeat: Heartbeat): Required<Heartbeat> {
  const { leaseMs, minEpoch, viewSize = 0, accuses = [] } = heartbeat;
  checkInteger('leaseMs', leaseMs, 1, MAX_LEASE_MS);
  checkInteger('minEpoch', minEpoch, 0, MAX_EPOCH);
  checkInteger('viewSize', viewSize, 0);
  for (const { id, incarnation, kind } of accuses) {
    checkId('accuses.id', id);
    checkInteger('accuses.incarnation', incarnation, 0);
    if (kind !== 'silent' && kind !== 'refused') throw invalid('accuses.kind', kind, "'silent' or 'refused'");
  }
  return { member: checkedMember(heartbeat.member), leaseMs, minEpoch, viewSize, accuses };
}

export function checkedRead(options: ReadOptions = {}): Required<ReadOptions> {
  const { minEpoch = 0, viewSize = 0, leaseMs = DEFAULT_LEASE_MS } = options;
  checkInteger('minEpoch', minEpoch, 0, MAX_EPOCH);
  checkInteger('viewSize', viewSize, 0);
  checkInteger('leaseMs', leaseMs, 1, MAX_LEASE_MS);
  return { minEpoch, viewSize, leaseMs };
}
