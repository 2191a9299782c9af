import type { ResolvedMember } from './member.js';
import { hashString, mix32 } from './string-hash.js';

const LN2 = 0.6931471805599453;
const HALF_STEPS = 4294967295.5; // 2^32 - 1/2: u = (hash + 1/2) / 2^32, so 1 - u = (HALF_STEPS - hash) / 2^32
const UNIT = 1 / 4294967296;

/**
 * `-ln((hash + 1/2) / 2^32)` by additions, multiplications and divisions only, which IEEE 754 rounds alike everywhere;
 * `Math.log` may differ in the last bit from engine to engine, and two processes must never disagree on an owner.
 * Relative error below 1e-14.
 */
export const exponential = (hash: number): number => {
  const halvings = Math.clz32(hash);
  const m = (hash + 0.5) * UNIT * 2 ** halvings; // [1/2, 1): exact, a scaling by a power of two
  // ln m = 2 atanh(s), s = (m - 1) / (m + 1) in [-1/3, 0)
  const s = (m - 1) / (m + 1);
  const q = s * s;
  let sum = 0;
  for (let odd = 29; odd > 0; odd -= 2) sum = sum * q + 1 / odd;
  return halvings * LN2 - 2 * s * sum;
};

/**
 * Weighted rendezvous (highest random weight) costs: `cost(slot, node) = -ln(u(slot, node)) / weight`, u uniform in
 * (0, 1). The node with the least cost wins with probability `weight / sum of weights` (Thaler & Ravishankar 1998;
 * Schindelhauer & Schomaker 2005), and the order of two nodes at a slot never depends on a third.
 *
 * Members are indexed in the given order; ties go to the lower index. All weights must be positive.
 */
export class Rendezvous {
  readonly #seedA: Int32Array;
  readonly #seedB: Int32Array;
  readonly #inverse: Float64Array;
  /** `#inverse / 2^32`. */
  readonly #scaled: Float64Array;

  constructor(members: readonly ResolvedMember[]) {
    this.#seedA = Int32Array.from(members, ({ id }) => hashString(id, 0x5bf03635));
    this.#seedB = Int32Array.from(members, ({ id }) => hashString(id, 0x1b873593));
    this.#inverse = Float64Array.from(members, ({ weight }) => 1 / weight);
    this.#scaled = this.#inverse.map((inverse) => inverse * UNIT);
  }

  /** Cost of a node at a slot: the less, the more the slot wants the node. */
  cost(slot: number, node: number): number {
    return exponential(pairHash(mix32(slot + 1), this.#seedA[node]!, this.#seedB[node]!)) * this.#inverse[node]!;
  }

  /** The cheapest node at a slot that `allowed` accepts, or -1. O(nodes); ~3 ns per node. */
  best(slot: number, allowed: (node: number) => boolean): number {
    const seedA = this.#seedA;
    const seedB = this.#seedB;
    const scaled = this.#scaled;
    const slotSeed = mix32(slot + 1);
    let best = -1;
    let least = Infinity;
    for (let node = 0; node < seedA.length; node++) {
      const hash = pairHash(slotSeed, seedA[node]!, seedB[node]!);
      // -ln u >= 1 - u: nearly every node is turned away by this bound, without a logarithm.
      if ((HALF_STEPS - hash) * scaled[node]! >= least || !allowed(node)) continue;
      const cost = exponential(hash) * this.#inverse[node]!;
      if (cost < least) {
        least = cost;
        best = node;
      }
    }
    return best;
  }
}

/** A 32-bit hash of a slot and a node; the node enters twice, so nodes are told apart by 64 bits. */
const pairHash = (slotSeed: number, seedA: number, seedB: number): number => {
  let x = slotSeed ^ seedA;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) ^ seedB;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
};
