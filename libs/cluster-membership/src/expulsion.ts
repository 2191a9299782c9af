import type { Lease } from './ledger.js';
import type { Member } from './member.js';
import type { Accusation } from './registry.js';

/*
 * Which suspects are expelled. A suspect is a member whose lease ran out. It may be dead, or it may only not reach the
 * registry. Expelling one that still serves loses what it has acknowledged, so an expulsion needs proof of one of two
 * kinds, both made of accusations: a member that reaches the registry states with each heartbeat which members did not
 * answer it on their data ports.
 *
 * 1. The process is gone. More than half of the members whose leases run say `refused`: nobody listens at the address,
 *    or another process does.
 * 2. It has fenced itself. A member that has lost the registry serves only while it hears more than half of its view,
 *    itself included (see `mayServe`). A member that accuses another answers it no more until it has withdrawn the
 *    accusation from the registry. So a suspect that half of its view accuses, for longer than it takes a
 *    member to notice, serves nobody.
 *
 * Whose view? The suspect's last, which nobody knows exactly: it has seen `seenEpoch`, and perhaps some of the later
 * views. Members that came in since are added one by one, and at each step the accusers must be at least half. Members
 * that have left since cannot be heard by the suspect: they are gone, or fenced for the reasons above.
 *
 * One of two members can expel the other, as that one hears nobody and fences itself. One of three that hears nobody
 * expels nobody. Where more than half of a view is lost and silent, nobody is expelled until they return, or until an
 * operator removes them.
 */

export interface StandingAccusation extends Omit<Accusation, 'id'> {
  /** When the accuser began to say so without a break, on the ledger's clock. */
  readonly sinceMs: number;
}

/** A member that hears no registry counts the peers that answered within this share of a lease. */
export const HEARD_SHARE = 1 / 3;
/** An accusation of silence counts after this share of a lease; what is more than {@link HEARD_SHARE} allows for clocks. */
export const STANDING_SHARE = 1 / 2;
/** A member takes the registry's word for this share of a lease; the rest allows for clocks. */
export const TRUSTED_SHARE = 0.9;

/**
 * Whether a member that has lost the registry may go on serving.
 * @param heard members of its view that answered it lately, that serve themselves and do not accuse it
 * @param members of its view, itself included
 */
export function mayServe(heard: number, members: number): boolean {
  return (heard + 1) * 2 > members;
}

type Votes = (voter: Lease, suspect: Lease) => boolean;

/** Ids of the members to be expelled, sorted. O(n) without suspects, else O(suspects * n log n). */
export function condemned(leases: ReadonlyMap<string, Lease>, now: number): string[] {
  const shown = [...leases.values()].filter(({ heldUntilMs }) => heldUntilMs === 0);
  const suspects = shown.filter(({ expiresAtMs }) => expiresAtMs <= now);
  if (suspects.length === 0) return [];
  const live = shown.filter(({ expiresAtMs }) => expiresAtMs > now);
  const stands = ({ sinceMs }: StandingAccusation, leaseMs: number): boolean =>
    sinceMs + leaseMs * STANDING_SHARE <= now;
  const gone = new Set<string>();
  /** Gone for so long that no other suspect counts on it any more. */
  const longGone = new Set<string>();
  for (const { member, leaseMs } of suspects) {
    const refused = live
      .map((accuser) => accusationOf(accuser, member))
      .filter((accusation) => accusation?.kind === 'refused');
    if (refused.length * 2 > live.length) gone.add(member.id);
    if (refused.filter((accusation) => stands(accusation!, leaseMs)).length * 2 > live.length) longGone.add(member.id);
  }
  const votes: Votes = (voter, suspect) => {
    if (longGone.has(voter.member.id)) return true;
    const accusation = voter.expiresAtMs > now ? accusationOf(voter, suspect.member) : undefined;
    return accusation !== undefined && stands(accusation, suspect.leaseMs);
  };
  const ids = suspects.filter((lease) => gone.has(lease.member.id) || isOutvoted(lease, shown, votes));
  return ids.map(({ member }) => member.id).sort();
}

/** Whether at least half of every view that the suspect may have accuses it. */
function isOutvoted(suspect: Lease, shown: readonly Lease[], votes: Votes): boolean {
  const seenAt = (lease: Lease): number => Math.max(lease.admittedEpoch, suspect.seenEpoch);
  const others = shown.filter((lease) => lease !== suspect).sort((a, b) => seenAt(a) - seenAt(b));
  let members = 1;
  let against = 0;
  let epoch = suspect.seenEpoch;
  for (const other of others) {
    if (seenAt(other) > epoch && against * 2 < members) return false;
    epoch = seenAt(other);
    members++;
    if (votes(other, suspect)) against++;
  }
  return against * 2 >= members;
}

function accusationOf(accuser: Lease, { id, incarnation }: Member): StandingAccusation | undefined {
  const accusation = accuser.accuses.get(id);
  return accusation?.incarnation === incarnation ? accusation : undefined;
}
