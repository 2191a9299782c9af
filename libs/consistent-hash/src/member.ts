import { ConsistentHashError, show } from './errors.js';

/** The largest weight; it bounds the memory of a ring (`virtualNodes * weight` points per member). */
export const MAX_WEIGHT = 10_000;

/** One node that can hold keys. */
export interface Member {
  /** Identity, compared by UTF-16 code units; not empty. */
  readonly id: string;
  /**
   * Share relative to the other members: a finite number from 0 to 10 000.
   * 0 means "known, but holds nothing" (a draining node). @defaultValue 1
   */
  readonly weight?: number;
  /** Failure domain. Absent or empty: the member is a failure domain of its own. */
  readonly zone?: string;
}

/** A member after validation: every field is there. */
export interface ResolvedMember {
  readonly id: string;
  readonly weight: number;
  readonly zone?: string;
}

/**
 * Validates a member and fills its defaults.
 *
 * @throws {ConsistentHashError} `ERR_MEMBER_INVALID`: an empty or non-string id, a weight that is negative, NaN, infinite
 * or above {@link MAX_WEIGHT}, a zone that is not a string.
 */
export const resolveMember = (member: Member): ResolvedMember => {
  if (typeof member !== 'object' || member === null) {
    throw new ConsistentHashError('ERR_MEMBER_INVALID', `member: got ${show(member)}, want an object with an id`);
  }
  const { id, weight = 1, zone } = member;
  if (typeof id !== 'string' || id === '') {
    throw new ConsistentHashError('ERR_MEMBER_INVALID', `member.id: got ${show(id)}, want a string that is not empty`);
  }
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= MAX_WEIGHT)) {
    throw new ConsistentHashError(
      'ERR_MEMBER_INVALID',
      `member.weight of ${show(id)}: got ${show(weight)}, want a number from 0 to ${MAX_WEIGHT}`,
    );
  }
  if (zone !== undefined && typeof zone !== 'string') {
    throw new ConsistentHashError('ERR_MEMBER_INVALID', `member.zone of ${show(id)}: got ${show(zone)}, want a string`);
  }
  return Object.freeze(zone ? { id, weight, zone } : { id, weight });
};

/** Whether two members with the same id are the same member. */
export const sameMember = (a: ResolvedMember, b: ResolvedMember): boolean => a.weight === b.weight && a.zone === b.zone;

/** Orders by id, by UTF-16 code units: the same on every machine and in every locale. */
export const byId = (a: ResolvedMember, b: ResolvedMember): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/**
 * Numbers the zones of members: equal zones share a number, a member without a zone has one of its own.
 * Returns the number per member and how many there are.
 */
export const numberZones = (members: readonly ResolvedMember[]): { zoneOf: Int32Array; zones: number } => {
  const numbers = new Map<string, number>();
  const zoneOf = new Int32Array(members.length);
  let zones = 0;
  members.forEach(({ zone }, i) => {
    const known = zone === undefined ? undefined : numbers.get(zone);
    const number = known ?? zones++;
    if (zone !== undefined) numbers.set(zone, number);
    zoneOf[i] = number;
  });
  return { zoneOf, zones };
};
