import { invalid } from './errors.js';
import { checkedSettings, type MemberSettings, sameSettings } from './settings.js';

/**
 * Where a member is in its life. `joining`: the process is there, its imports are not done; `up`: serving;
 * `leaving`: handing its slots over. Members of every state are in the view; consumers decide what to do with each.
 */
export type MemberState = 'joining' | 'up' | 'leaving';

/** One process of the cluster as the registry knows it. */
export interface Member {
  /** Stable name of the node across restarts, 1 to 128 characters. */
  readonly id: string;
  /** Grows with every restart of the same id (milliseconds since 1970 where the clock allows). */
  readonly incarnation: number;
  readonly host: string;
  readonly dataPort: number;
  readonly httpPort: number;
  /** Relative share of the slots, > 0. */
  readonly weight: number;
  /** Failure zone; `''` where none is given. */
  readonly zone: string;
  readonly state: MemberState;
  /** Absent in the record of a release that does not state them. */
  readonly settings?: MemberSettings;
}

/** Who is in, as of one epoch. Two views of one cluster with the same epoch have the same members. */
export interface View {
  /** 0 only before the first member joined; grows with every change. Says which history it belongs to: see epoch.ts. */
  readonly epoch: number;
  /** Sorted by id (code units), frozen. */
  readonly members: readonly Member[];
}

/** What a registry that knows nothing of a cluster answers. */
export const EMPTY_VIEW: View = Object.freeze({ epoch: 0, members: Object.freeze([]) });

/** Every field of a member. */
export const MEMBER_FIELDS: readonly string[] = [
  'id',
  'incarnation',
  'host',
  'dataPort',
  'httpPort',
  'weight',
  'zone',
  'state',
  'settings',
] satisfies (keyof Member)[];

const STATES: ReadonlySet<string> = new Set<MemberState>(['joining', 'up', 'leaving']);
const CLUSTER = /^[A-Za-z0-9._-]{1,64}$/;
const ID = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

/** Sorts and freezes. O(n log n). */
export function freezeView(epoch: number, members: Iterable<Member>): View {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return Object.freeze({ epoch, members: Object.freeze(sorted) });
}

/** True where both say the same in every field. */
export function sameMember(a: Member, b: Member): boolean {
  return (
    a.id === b.id &&
    a.incarnation === b.incarnation &&
    a.host === b.host &&
    a.dataPort === b.dataPort &&
    a.httpPort === b.httpPort &&
    a.weight === b.weight &&
    a.zone === b.zone &&
    a.state === b.state &&
    sameSettings(a.settings, b.settings)
  );
}

/** True where both have the same members. O(1) for one object, else O(n). */
export function sameView(a: View, b: View): boolean {
  if (a === b || a.members === b.members) return true;
  return a.members.length === b.members.length && a.members.every((member, i) => sameMember(member, b.members[i]!));
}

/** A checked, frozen copy with the fields in one fixed order (its JSON text is comparable). */
export function checkedMember(member: Member): Member {
  const { id, incarnation, host, dataPort, httpPort, weight, zone, state, settings } = member;
  checkId('member.id', id);
  if (!Number.isSafeInteger(incarnation) || incarnation < 0) {
    throw invalid('member.incarnation', incarnation, 'a safe integer >= 0');
  }
  if (typeof host !== 'string' || host.length === 0 || host.length > 255) {
    throw invalid('member.host', host, 'a string of 1 to 255 characters');
  }
  checkPort('member.dataPort', dataPort);
  checkPort('member.httpPort', httpPort);
  if (!Number.isFinite(weight) || weight <= 0) throw invalid('member.weight', weight, 'a finite number > 0');
  if (typeof zone !== 'string' || zone.length > 128) {
    throw invalid('member.zone', zone, 'a string of at most 128 characters');
  }
  if (!STATES.has(state)) throw invalid('member.state', state, "'joining', 'up' or 'leaving'");
  const record = { id, incarnation, host, dataPort, httpPort, weight, zone, state };
  return Object.freeze(settings === undefined ? record : { ...record, settings: checkedSettings(settings) });
}

/** Cluster names go into Redis keys and file names: letters, digits, `.`, `_` and `-`, 1 to 64 of them. */
export function checkCluster(cluster: string): void {
  if (typeof cluster !== 'string' || !CLUSTER.test(cluster) || cluster === '.' || cluster === '..') {
    throw invalid('cluster', cluster, '1 to 64 letters, digits, dots, underscores or dashes');
  }
}

export function checkId(option: string, id: string): void {
  if (typeof id !== 'string' || !ID.test(id)) {
    throw invalid(option, id, 'a string of 1 to 128 characters without control characters');
  }
}

export function checkInteger(option: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(option, value, `an integer from ${min} to ${max}`);
  }
}

function checkPort(option: string, port: number): void {
  checkInteger(option, port, 0, 65_535);
}
