import { ConsistentHashError, show } from './errors.js';
import { byId, type Member, numberZones, resolveMember, type ResolvedMember, sameMember } from './member.js';
import { placeSlots } from './placement.js';
import { Rendezvous } from './rendezvous.js';
import { SLOT_COUNT, slotOf } from './slot.js';
import { hashString, mix32 } from './string-hash.js';

/**
 * Version of the rule that makes owner lists from a member list. Raised with every change that gives any member list
 * other owners, because processes of different versions then disagree on who owns what.
 */
export const PLACEMENT_VERSION = 1;

/** Options of {@link SlotTable.build}. */
export interface SlotTableOptions {
  /** Copies of a slot in all, the primary included; capped at the number of members with weight. @defaultValue 2 */
  readonly replicas?: number;
}

/** A slot whose owner list differs between two tables. */
export interface SlotChange {
  readonly slot: number;
  /** Owners in the previous table, primary first. */
  readonly before: readonly string[];
  /** Owners in this table, primary first. */
  readonly after: readonly string[];
}

/** How many slots a node holds. */
export interface SlotCounts {
  /** Slots whose first owner it is. */
  readonly primary: number;
  /** Slots in whose owner list it comes later. */
  readonly replica: number;
}

const NO_COUNTS: SlotCounts = Object.freeze({ primary: 0, replica: 0 });

/**
 * Who owns each of the 16384 slots: an immutable, deterministic function of the member set. Every process that knows the
 * same members (ids, weights, zones, in any order) has the same table, on any machine.
 *
 * Slots are spread by capped weighted rendezvous hashing: no node is above its weighted share by more than
 * 0.75 * sqrt(nodes / 16384) (1.0 % at 3 nodes, 1.9 % at 10, 5.9 % at 100; or by less than one slot), and a join or a
 * leave moves little beyond that node's share. Building is O(slots * nodes * replicas); a lookup is one array read.
 */
export class SlotTable {
  /** Copies of every slot: what was asked for, or the number of members with weight if that is less; 0 without any. */
  readonly replicas: number;
  /** Ids of all members, those of weight 0 included, sorted by UTF-16 code units. */
  readonly members: readonly string[];

  /** Members with weight, sorted by id; owner indexes point here. */
  readonly #nodes: readonly ResolvedMember[];
  readonly #indexOf: ReadonlyMap<string, number>;
  readonly #rendezvous: Rendezvous;
  /** `[slot * replicas + k]`: index of the k-th owner. */
  readonly #owners: Uint32Array;
  /** Per slot its owner list; slots with equal lists share one frozen array. */
  readonly #lists: readonly (readonly string[])[];
  readonly #counts: readonly SlotCounts[];

  private constructor(members: readonly ResolvedMember[], replicas: number) {
    this.members = Object.freeze(members.map(({ id }) => id));
    this.#nodes = members.filter(({ weight }) => weight > 0);
    this.#indexOf = new Map(this.#nodes.map(({ id }, i) => [id, i]));
    this.replicas = Math.min(replicas, this.#nodes.length);
    this.#rendezvous = new Rendezvous(this.#nodes);
    this.#owners = placeSlots(this.#nodes, this.#rendezvous, this.replicas);
    this.#lists = this.#shareLists();
    this.#counts = this.#count();
  }

  /**
   * Builds the table of a member set. A member given twice with the same weight and zone counts once.
   *
   * @throws {ConsistentHashError} `ERR_MEMBER_INVALID` (see {@link Member}), `ERR_MEMBER_CONFLICT`: one id with two
   * weights or zones, `ERR_OPTION_INVALID`: `replicas` is not an integer from 1.
   */
  static build(members: Iterable<Member>, options: SlotTableOptions = {}): SlotTable {
    const { replicas = 2 } = options;
    if (!Number.isSafeInteger(replicas) || replicas < 1) {
      throw new ConsistentHashError('ERR_OPTION_INVALID', `replicas: got ${show(replicas)}, want an integer from 1`);
    }
    const known = new Map<string, ResolvedMember>();
    for (const given of members) {
      const member = resolveMember(given);
      const twin = known.get(member.id);
      if (twin !== undefined && !sameMember(twin, member)) {
        throw new ConsistentHashError(
          'ERR_MEMBER_CONFLICT',
          `members: got ${show(member.id)} twice with different weights or zones, want one of each id`,
        );
      }
      known.set(member.id, member);
    }
    return new SlotTable([...known.values()].sort(byId), replicas);
  }

  /** The first owner of a slot; undefined if no member has weight. O(1). @throws `ERR_SLOT_INVALID` */
  primaryOf(slot: number): string | undefined {
    return this.ownersOf(slot)[0];
  }

  /** The owners of a slot, primary first: a shared frozen array, empty if no member has weight. O(1). @throws `ERR_SLOT_INVALID` */
  ownersOf(slot: number): readonly string[] {
    return this.#lists[slot] ?? badSlot(slot);
  }

  /** The owners of a text key's slot, primary first. O(key length), no allocation. */
  owners(key: string): readonly string[] {
    return this.ownersOf(slotOf(key));
  }

  /**
   * The first `count` distinct nodes in a slot's order of preference: its owners, then those that stand in when owners
   * fail, in zones not used yet first. All nodes with weight if `count` is more. O(n log n) in the number of nodes.
   *
   * @throws {ConsistentHashError} `ERR_SLOT_INVALID`, `ERR_ARGUMENT_INVALID`: `count` is not an integer from 0.
   */
  walk(slot: number, count: number): string[] {
    const owners = this.ownersOf(slot);
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new ConsistentHashError('ERR_ARGUMENT_INVALID', `count: got ${show(count)}, want an integer from 0`);
    }
    if (count <= owners.length) return owners.slice(0, count);

    const { zoneOf, zones } = numberZones(this.#nodes);
    const zoneUsed = new Uint8Array(zones);
    const owned = this.#ownerIndexes(slot);
    for (const node of owned) zoneUsed[zoneOf[node]!] = 1;
    const others = this.#nodes
      .map((_, node) => ({ node, cost: this.#rendezvous.cost(slot, node) }))
      .filter(({ node }) => !owned.includes(node))
      .sort((a, b) => a.cost - b.cost || a.node - b.node);
    const newZones: number[] = [];
    const usedZones: number[] = [];
    for (const { node } of others) {
      const zone = zoneOf[node]!;
      (zoneUsed[zone] ? usedZones : newZones).push(node);
      zoneUsed[zone] = 1;
    }
    const order = [...owned, ...newZones, ...usedZones].slice(0, count);
    return order.map((node) => this.#nodes[node]!.id);
  }

  /** Whether a node is among a slot's owners. O(replicas). @throws `ERR_SLOT_INVALID` */
  isOwner(id: string, slot: number): boolean {
    return this.ownersOf(slot).includes(id);
  }

  /** How many slots a node holds; zeros for one that is not a member. O(1). */
  slotsOf(id: string): SlotCounts {
    const node = this.#indexOf.get(id);
    return node === undefined ? NO_COUNTS : this.#counts[node]!;
  }

  /** The slots whose primary a node is, ascending. O(slots). */
  primarySlots(id: string): number[] {
    return this.#slotsWhere(id, 1);
  }

  /** The slots that a node owns as primary or as replica, ascending. O(slots * replicas). */
  ownedSlots(id: string): number[] {
    return this.#slotsWhere(id, this.replicas);
  }

  /** The slots whose owner list, order included, is not what it was in `previous`, ascending. O(slots * replicas). */
  diff(previous: SlotTable): SlotChange[] {
    return this.changedSlots(previous).map((slot) => ({
      slot,
      before: previous.ownersOf(slot),
      after: this.ownersOf(slot),
    }));
  }

  /** The slots of {@link diff} alone. O(slots * replicas). */
  changedSlots(previous: SlotTable): number[] {
    const changed: number[] = [];
    if (previous === this) return changed;
    const { replicas } = this;
    const owners = this.#owners;
    const ownersBefore = previous.#owners;
    // Where a node of this table was in the previous one.
    const indexBefore = Int32Array.from(this.#nodes, ({ id }) => previous.#indexOf.get(id) ?? -1);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      let at = slot * replicas;
      const end = at + replicas;
      if (previous.replicas === replicas) {
        while (at < end && indexBefore[owners[at]!] === ownersBefore[at]) at++;
        if (at === end) continue;
      }
      changed.push(slot);
    }
    return changed;
  }

  /**
   * A digest of the owner lists of all slots, 16 hexadecimal digits, the same on every machine: equal lists have equal
   * digests, different ones differ but for a chance of 2^-64. Not for use against an adversary. O(slots * replicas).
   */
  fingerprint(): string {
    const low = this.#nodes.map(({ id }) => hashString(id, 0x243f6a88));
    const high = this.#nodes.map(({ id }) => hashString(id, 0x13198a2e));
    let a = mix32(this.replicas + 1);
    let b = mix32(a);
    for (const node of this.#owners) {
      a = mix32(Math.imul(a, 5) + low[node]!);
      b = mix32(Math.imul(b, 9) + high[node]!);
    }
    return a.toString(16).padStart(8, '0') + b.toString(16).padStart(8, '0');
  }

  #ownerIndexes(slot: number): number[] {
    return [...this.#owners.subarray(slot * this.replicas, (slot + 1) * this.replicas)];
  }

  #shareLists(): (readonly string[])[] {
    const shared = new Map<number | string, readonly string[]>();
    const nodes = this.#nodes.length;
    const fitsNumber = nodes ** this.replicas <= Number.MAX_SAFE_INTEGER;
    return Array.from({ length: SLOT_COUNT }, (_, slot) => {
      let name: number | string = 0;
      if (fitsNumber) {
        const end = (slot + 1) * this.replicas;
        for (let at = end - this.replicas; at < end; at++) name = name * nodes + this.#owners[at]!;
      } else {
        name = this.#ownerIndexes(slot).join();
      }
      let list = shared.get(name);
      if (list === undefined) {
        list = Object.freeze(this.#ownerIndexes(slot).map((node) => this.#nodes[node]!.id));
        shared.set(name, list);
      }
      return list;
    });
  }

  #count(): SlotCounts[] {
    const primary = new Uint32Array(this.#nodes.length);
    const replica = new Uint32Array(this.#nodes.length);
    this.#owners.forEach((node, at) => (at % this.replicas === 0 ? primary : replica)[node]!++);
    return this.#nodes.map((_, node) => Object.freeze({ primary: primary[node]!, replica: replica[node]! }));
  }

  #slotsWhere(id: string, ranks: number): number[] {
    const node = this.#indexOf.get(id);
    const slots: number[] = [];
    if (node === undefined) return slots;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      for (let k = 0; k < ranks; k++) if (this.#owners[slot * this.replicas + k] === node) slots.push(slot);
    }
    return slots;
  }
}

const badSlot = (slot: number): never => {
  throw new ConsistentHashError(
    'ERR_SLOT_INVALID',
    `slot: got ${show(slot)}, want an integer from 0 to ${SLOT_COUNT - 1}`,
  );
};
