import { numberZones, type ResolvedMember } from './member.js';
import type { Rendezvous } from './rendezvous.js';
import { SLOT_COUNT } from './slot.js';

/**
 * How far a node may rise above its fair share, in units of the relative spread sqrt(nodes / slots) that rendezvous
 * hashing has by itself. Less gives a flatter table and moves more slots on a join or a leave.
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

const capOf = (share: number, nodes: number, copies: number): number => {
  const fair = share * SLOT_COUNT;
  return Math.max(Math.ceil(fair), Math.floor(fair * (1 + SLACK * Math.sqrt(nodes / (SLOT_COUNT * copies)))));
};

/**
 * Places `copies` copies of every slot on distinct nodes: `owners[slot * copies + k]` is the index of the k-th owner.
 *
 * Capped weighted rendezvous, one rank at a time: slots in ascending order, each takes the node that it wants most among
 * those that still have room (bounded loads, Mirrokni, Thorup & Zadimoghaddam 2018, on rendezvous instead of a ring).
 * Primaries are capped by themselves, later ranks by all the copies that a node holds; zones come before caps.
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
  const { zoneOf, zones } = numberZones(members);

  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const room = Int32Array.from(weights, (weight) => capOf(weight / total, nodes, 1));
  const fullAfter = new Int32Array(nodes).fill(SLOT_COUNT);
  const held = new Int32Array(nodes);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const node = rendezvous.best(slot, (i) => room[i]! > 0);
    owners[slot * copies] = node;
    held[node]!++;
    if (--room[node]! === 0) fullAfter[node] = slot;
  }
  if (copies === 1) return owners;

  const caps = Int32Array.from(copyShares(weights, zoneOf, zones, copies), (share) => capOf(share, nodes, copies));
  // The slot at which a node (a zone) was last seen as an owner in the current rank.
  const nodeSeen = new Int32Array(nodes);
  const zoneSeen = new Int32Array(zones);
  let stamp = 0;
  for (let rank = 1; rank < copies; rank++) {
    const newZoneLeft = rank < zones;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const base = slot * copies;
      stamp++;
      for (let k = 0; k < rank; k++) {
        nodeSeen[owners[base + k]!] = stamp;
        zoneSeen[zoneOf[owners[base + k]!]!] = stamp;
      }
      const free = (i: number): boolean => (newZoneLeft ? zoneSeen[zoneOf[i]!] : nodeSeen[i]) !== stamp;
      let node = -1;
      if (rank === 1) node = rendezvous.best(slot, (i) => held[i]! < caps[i]! && slot <= fullAfter[i]! && free(i));
      if (node === -1) node = rendezvous.best(slot, (i) => held[i]! < caps[i]! && free(i));
      if (node === -1) node = rendezvous.best(slot, free);
      owners[base + rank] = node;
      held[node]!++;
    }
  }
  return owners;
};
