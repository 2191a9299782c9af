import type { ClockReading } from './clock-offset.js';
import { checkFields, invalid } from './errors.js';
import { EMPTY_VIEW, MEMBER_FIELDS, type Member, type View, checkId, checkInteger, checkedMember } from './member.js';

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
  /** The last view that the caller has adopted: a registry that may not know of it takes its members over. Default none. */
  readonly last?: View;
  /** All that the member says of others at present; what it has said before and does not repeat is withdrawn. Default none. */
  readonly accuses?: readonly Accusation[];
}

export interface HeartbeatResult {
  readonly view: View;
  /** Ids this call expelled, sorted: their leases were over, and the accusations against them sufficed. */
  readonly expelled: readonly string[];
  /** The member flapped: it holds a lease and is not in the view yet. */
  readonly damped: boolean;
  /** Epoch with which the member came into the view last; 0 where it came with another's view, and was never out. */
  readonly admittedEpoch: number;
  /** Ids of other members that have not been heard for more than half of their lease, sorted. */
  readonly overdue: readonly string[];
  /** Wall clock of the registry, milliseconds since 1970. */
  readonly serverTimeMs: number;
}

/** What an observer knows. */
export interface ReadOptions {
  /** The last view that the caller has adopted, as in a heartbeat. Default none. */
  readonly last?: View;
  /** Lease of members that are taken over, ms. Default 3000. */
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
   * set or a record changed, or the registry begins a new history (see epoch.ts). The epoch is above that of `last`, or
   * the view is the same.
   */
  heartbeat(cluster: string, heartbeat: Heartbeat): Promise<HeartbeatResult>;
  /** Leaves: takes the member out unless a newer incarnation is in. `last` as in a heartbeat. */
  remove(cluster: string, id: string, incarnation: number, last?: View): Promise<View>;
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

const HEARTBEAT = ['member', 'leaseMs', 'last', 'accuses'];
const ACCUSATION = ['id', 'incarnation', 'kind'];
const READ = ['last', 'leaseMs'];

/** The request with defaults filled in and every field checked. */
export function checkedHeartbeat(heartbeat: Heartbeat): Required<Heartbeat> {
  checkFields('heartbeat', heartbeat, HEARTBEAT);
  const { leaseMs, last, accuses = [] } = heartbeat;
  checkInteger('leaseMs', leaseMs, 1, MAX_LEASE_MS);
  for (const accusation of accuses) {
    checkFields('accuses', accusation, ACCUSATION);
    const { id, incarnation, kind } = accusation;
    checkId('accuses.id', id);
    checkInteger('accuses.incarnation', incarnation, 0);
    if (kind !== 'silent' && kind !== 'refused') throw invalid('accuses.kind', kind, "'silent' or 'refused'");
  }
  checkFields('member', heartbeat.member, MEMBER_FIELDS);
  return { member: checkedMember(heartbeat.member), leaseMs, last: checkedLast(last), accuses };
}

export function checkedRead(options: ReadOptions = {}): Required<ReadOptions> {
  checkFields('read', options, READ);
  const { last, leaseMs = DEFAULT_LEASE_MS } = options;
  checkInteger('leaseMs', leaseMs, 1, MAX_LEASE_MS);
  return { last: checkedLast(last), leaseMs };
}

/** Views come from this package and are frozen; the epoch is checked, for it decides. */
export function checkedLast(last: View = EMPTY_VIEW): View {
  checkInteger('last.epoch', last.epoch, 0, MAX_EPOCH);
  if (!Array.isArray(last.members)) throw invalid('last.members', last.members, 'a list of members');
  return last;
}
