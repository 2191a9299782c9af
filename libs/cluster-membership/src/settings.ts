import { invalid } from './errors.js';
import type { Member } from './member.js';

/** What the members of one cluster must agree on. Each states its own in its record, so the view has all of them. */
export interface MemberSettings {
  /** Copies of an entry, the primary included, that this member was configured with: an integer from 1 to 16. */
  readonly replicas: number;
  /** Version of the rule that makes owner lists from a member list, from 1. Members of different ones cannot mix. */
  readonly placement: number;
  /** Protocol versions that this member can speak to others, from 1. Any two members need one in common. */
  readonly protocol: VersionRange;
}

/** Both ends belong to the range. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** What the records of releases that do not state their settings stand for. */
export const UNSTATED_PLACEMENT = 1;
export const UNSTATED_PROTOCOL: VersionRange = Object.freeze({ min: 1, max: 1 });

const MAX_REPLICAS = 16;
const MAX_VERSION = 2 ** 16 - 1;

/** A setting of which two processes cannot run in one cluster. */
export interface SettingsConflict {
  readonly setting: 'placement' | 'protocol';
  /** The member that disagrees. */
  readonly member: Member;
}

/**
 * The replication factor in force: the highest that a member in state `up` states. A pure function of the view, so all
 * processes with one view use one factor, and a change of it comes with a view like any other change of owners.
 * @param unstated where no such member states one, as before the first is up, or while all are of an older release
 */
export function replicationFactor(members: Iterable<Member>, unstated: number): number {
  let highest = 0;
  for (const { state, settings } of members) {
    if (state === 'up' && settings !== undefined && settings.replicas > highest) highest = settings.replicas;
  }
  return highest > 0 ? highest : unstated;
}

/**
 * The first member that a process with these settings cannot run beside; undefined when there is none.
 * @param selfId the member that the process itself is, or was before a restart: it is not compared
 */
export function settingsConflict(
  members: Iterable<Member>,
  own: Pick<MemberSettings, 'placement' | 'protocol'>,
  selfId?: string,
): SettingsConflict | undefined {
  for (const member of members) {
    if (member.id === selfId) continue;
    const { placement = UNSTATED_PLACEMENT, protocol = UNSTATED_PROTOCOL } = member.settings ?? {};
    if (placement !== own.placement) return { setting: 'placement', member };
    if (commonVersion(protocol, own.protocol) === undefined) return { setting: 'protocol', member };
  }
  return undefined;
}

/** The highest version that both ranges have; undefined when there is none. */
export function commonVersion(a: VersionRange, b: VersionRange): number | undefined {
  const highest = Math.min(a.max, b.max);
  return highest >= Math.max(a.min, b.min) ? highest : undefined;
}

export function sameSettings(a: MemberSettings | undefined, b: MemberSettings | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.replicas === b.replicas &&
    a.placement === b.placement &&
    a.protocol.min === b.protocol.min &&
    a.protocol.max === b.protocol.max
  );
}

/** A frozen copy with the fields in one fixed order. @throws MembershipError ERR_INVALID_OPTION */
export function checkedSettings({ replicas, placement, protocol }: MemberSettings): MemberSettings {
  check('replicas', replicas, MAX_REPLICAS);
  check('placement', placement, MAX_VERSION);
  check('protocol.min', protocol?.min, MAX_VERSION);
  check('protocol.max', protocol.max, MAX_VERSION, protocol.min);
  return Object.freeze({ replicas, placement, protocol: Object.freeze({ min: protocol.min, max: protocol.max }) });
}

function check(field: string, value: number, max: number, min = 1): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalid(`member.settings.${field}`, value, `an integer from ${min} to ${max}`);
}
