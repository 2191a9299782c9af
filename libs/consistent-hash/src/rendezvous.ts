import type { ResolvedMember } from './member.js';
import { hashString } from './string-hash.js';

// Held in constants: inside a `vm` context every read of a global is a slow look-up, and these are in the inner loop.
const { imul, clz32 } = Math;

const LN2 = 0.6931471805599453;
const HALF_STEPS = 4294967295.5; // 2^32 - 1/2: u = (hash + 1/2) / 2^32, so 1 - u = (HALF_STEPS - hash) / 2^32
const UNIT = 1 / 4294967296;

/**
 * `-ln((hash + 1/2) / 2^32)` by additions, multiplications and divisions only, which IEEE 754 rounds alike everywhere;
 * `Math.log` may differ in the last bit from engine to engine, and two processes must never disagree on an owner.
 * Relative error below 1e-14.
 */
export const exponential = (hash: number): number => {
  const halvings = clz32(hash);
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
    return exponential(pairHash(slot, this.#seedA[node]!, this.#seedB[node]!)) * this.#inverse[node]!;
  }

  /** The cheapest node at a slot that `allowed` accepts, or -1. O(nodes); ~3 ns per node. */
  best(slot: number, allowed: (node: number) => boolean): number {
    const seedA = this.#seedA;
    const seedB = this.#seedB;
    const scaled = this.#scaled;
    let best = -1;
    let least = Infinity;
    for (let node = 0; node < seedA.length; node++) {
      const hash = pairHash(slot, seedA[node]!, seedB[node]!);
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

const SLOT_BITS = 14; // 2 ** SLOT_BITS slots
const RANK_MASK = 2 ** SLOT_BITS - 1;

/**
 * 32 bits that stand for u(slot, node). Their top 14 bits are a permutation of all slots, another one for each node, the
 * rest is a hash of both. So a node's u are spread evenly, not at random, over (0, 1), which halves the variance of how
 * many slots it wins, and with it what the caps have to shift.
 *
 * `x -> c x^2 + a x + b mod 2^14` is a permutation for odd a and even c (Rivest, Permutation polynomials modulo 2^w, 2001).
 */
const pairHash = (slot: number, seedA: number, seedB: number): number => {
  const c = (seedB >>> 16) & ~1;
  const a = (seedA >>> 13) | 1;
  const rank = (imul(slot, imul(slot, c) + a) + seedB) & RANK_MASK;
  let x = slot ^ seedA;
  x = imul(x ^ (x >>> 16), 0x85ebca6b) ^ seedB;
  x = imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((rank << (32 - SLOT_BITS)) | ((x ^ (x >>> 16)) >>> SLOT_BITS)) >>> 0;
};
