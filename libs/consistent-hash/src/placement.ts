import { numberZones, type ResolvedMember } from './member.js';
import type { Rendezvous } from './rendezvous.js';
import { SLOT_COUNT } from './slot.js';

/**
 * How far a node may rise above its fair share, in units of sqrt(nodes / slots), the relative spread of slots thrown at
 * nodes at random: 1.0 % at 3 nodes, 1.9 % at 10, 5.9 % at 100. Less gives a flatter table and moves more slots on a join or a leave.
 */
const SLACK = 0.75;

/** `shares[i] = min(limits[i], level * weights[i])`, with `level` such that they sum to `amount` (or all are at their limit). */
const fill = (weights: Float64Array, limits: Float64Array, amount: number): Float64Array => {
  const shares = new Float64Array(weights.length);
  const atLimit = new Uint8Array(weights.length);
  for (;;) {
    let left = amount;
    let weight = 0;
    for (let i = 0; i < weights.length; i++) {
      if (atLimit[i]) left -= limits[i]!;
      else weight += weights[i]!;
    }
    let changed = false;
    for (let i = 0; i < weights.length; i++) {
      if (atLimit[i]) continue;
      shares[i] = (left * weights[i]!) / weight;
      if (shares[i]! < limits[i]!) continue;
      shares[i] = limits[i]!;
      atLimit[i] = 1;
      changed = true;
    }
    if (!changed) return shares;
  }
};

/**
 * Fair share of every node in the copies of one slot (sums to `copies`): in proportion to weight as far as a zone holds
 * one copy of a slot at most, or, where there are more copies than zones, a node holds one.
 */
const copyShares = (weights: Float64Array, zoneOf: Int32Array, zones: number, copies: number): Float64Array => {
  const zoneWeights = new Float64Array(zones);
  zoneOf.forEach((zone, i) => (zoneWeights[zone]! += weights[i]!));
  const zoneShares = fill(zoneWeights, new Float64Array(zones).fill(1), Math.min(copies, zones));
  const shares = weights.map((weight, i) => (zoneShares[zoneOf[i]!]! * weight) / zoneWeights[zoneOf[i]!]!);
  if (copies <= zones) return shares;
  const more = fill(
    weights,
    shares.map((share) => Math.max(0, 1 - share)),
    copies - zones,
  );
  return shares.map((share, i) => share + more[i]!);
};

/** The most slots that a node may hold, given its fair share of them. */
const capOf = (share: number, nodes: number): number => {
  const fair = share * SLOT_COUNT;
  return Math.max(Math.ceil(fair), Math.floor(fair * (1 + SLACK * Math.sqrt(nodes / SLOT_COUNT))));
};

/**
 * Places `copies` copies of every slot on distinct nodes: `owners[slot * copies + k]` is the index of the k-th owner.
 *
 * Capped weighted rendezvous, one rank after the other (bounded loads, Mirrokni, Thorup & Zadimoghaddam 2018, on
 * rendezvous costs instead of a ring). Primaries: every slot asks the node that it wants most, which accepts until it is
 * at its cap; then the slots turned away, so that they push nobody out, take the next node with room. Later ranks are
 * capped by all the copies that a node holds, and distinct zones come before caps.
 *
 * A node that filled up at slot f would refuse the slots after f as their primary too if they lost theirs, so the first
 * replica is chosen among nodes that would not: it is the primary's successor whenever that can be foreseen.
 *
 * O(slots * nodes * copies), integer arithmetic and correctly rounded floating-point operations only.
 */
export const placeSlots = (members: readonly ResolvedMember[], rendezvous: Rendezvous, copies: number): Uint32Array => {
  const nodes = members.length;
  const owners = new Uint32Array(SLOT_COUNT * copies);
  if (copies === 0) return owners;
  const weights = Float64Array.from(members, ({ weight }) => weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = new Int32Array(nodes);
  const caps = Int32Array.from(weights, (weight) => capOf(weight / total, nodes));
  const place = (slot: number, rank: number, node: number): void => {
    owners[slot * copies + rank] = node;
    counts[node]!++;
  };

  const fullAfter = new Int32Array(nodes).fill(SLOT_COUNT);
  const turnedAway: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const node = rendezvous.best(slot, () => true);
    if (counts[node]! < caps[node]!) {
      place(slot, 0, node);
    } else {
      fullAfter[node] = Math.min(fullAfter[node]!, slot);
      turnedAway.push(slot);
    }
  }
  for (const slot of turnedAway)
    place(
      slot,
      0,
      rendezvous.best(slot, (i) => counts[i]! < caps[i]!),
    );
  if (copies === 1) return owners;

  const { zoneOf, zones } = numberZones(members);
  const shares = copyShares(weights, zoneOf, zones, copies);
  shares.forEach((share, node) => (caps[node] = capOf(share, nodes)));
  for (let rank = 1; rank < copies; rank++) {
    // The owners so far are in distinct zones as long as there are such: another zone is left, or none.
    const newZone = rank < zones;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const base = slot * copies;
      const free = (i: number): boolean => {
        for (let at = base; at < base + rank; at++) {
          if (owners[at] === i || (newZone && zoneOf[owners[at]!] === zoneOf[i])) return false;
        }
        return true;
      };
      const hasRoom = (i: number): boolean => counts[i]! < caps[i]! && free(i);
      let node = rank === 1 ? rendezvous.best(slot, (i) => slot < fullAfter[i]! && hasRoom(i)) : -1;
      if (node === -1) node = rendezvous.best(slot, hasRoom);
      if (node === -1) node = rendezvous.best(slot, free);
      place(slot, rank, node);
    }
  }
  return owners;
};
