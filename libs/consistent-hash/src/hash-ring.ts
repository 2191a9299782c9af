import { ConsistentHashError, show } from './errors.js';
import { byId, type Member, numberZones, resolveMember, type ResolvedMember, sameMember } from './member.js';
import { hashString } from './string-hash.js';

/** Options of {@link HashRing}. */
export interface HashRingOptions {
  /** Points on the ring of a member of weight 1: an integer from 1 to 10 000. More are flatter and take more memory. @defaultValue 160 */
  readonly virtualNodes?: number;
  /**
   * Hash of keys and points; the low 32 bits of what it returns count, and its high bits must be well spread.
   * @defaultValue {@link hashString}
   */
  readonly hash?: (text: string) => number;
}

const MAX_VIRTUAL_NODES = 10_000;
const HASH_BITS = 32;
const MAX_CELL_BITS = 22;
/** Divides a member's id from the number of its point: the digits after the last NUL are the number, so no two pairs of id and number share a name. */
const SEPARATOR = '\0';

/**
 * A weighted consistent-hash ring (Karger et al. 1997): a member has `virtualNodes * weight` points, rounded, at least one,
 * and a key belongs to the first point at or after its hash. Adding or removing a member moves only keys to or from it.
 *
 * A lookup hashes the key and reads a prefix index over the sorted points: O(1) expected, hardly ever a search. A change of members
 * is O(points) and is paid by the first lookup after it; unchanged members are not hashed again.
 */
export class HashRing {
  readonly #virtualNodes: number;
  readonly #hash: (text: string) => number;
  readonly #members = new Map<string, { member: ResolvedMember; points: Uint32Array }>();

  #stale = false;
  /** Sorted by id; point owners are indexes into it. */
  #sorted: readonly ResolvedMember[] = Object.freeze([]);
  /** Their ids, for lookups. */
  #ids: readonly string[] = [];
  #zoneOf: Int32Array = new Int32Array(0);
  #zones = 0;
  #holders = 0;
  /** Ascending positions, and whose each is. */
  #points = new Uint32Array(0);
  #ownerOf = new Uint32Array(0);
  /**
   * The prefix index: the ring cut into equal cells by the top bits of a hash. A cell without a point belongs to one node
   * as a whole and holds its index; any other holds `~at`, `at` being its first point.
   */
  #cells = new Int32Array(1);
  #shift = HASH_BITS - 1;

  /**
   * @param members added in turn: of a repeated id the last one counts.
   * @throws {ConsistentHashError} `ERR_OPTION_INVALID`, `ERR_MEMBER_INVALID` (see {@link Member})
   */
  constructor(members: Iterable<Member> = [], options: HashRingOptions = {}) {
    const { virtualNodes = 160, hash = hashString } = options;
    if (!Number.isSafeInteger(virtualNodes) || virtualNodes < 1 || virtualNodes > MAX_VIRTUAL_NODES) {
      throw new ConsistentHashError(
        'ERR_OPTION_INVALID',
        `virtualNodes: got ${show(virtualNodes)}, want an integer from 1 to ${MAX_VIRTUAL_NODES}`,
      );
    }
    if (typeof hash !== 'function') {
      throw new ConsistentHashError('ERR_OPTION_INVALID', `hash: got ${show(hash)}, want a function`);
    }
    this.#virtualNodes = virtualNodes;
    // Called with one argument only: a hash with an optional seed must not get something else for it.
    this.#hash = hash === hashString ? hashString : (text) => hash(text);
    for (const member of members) this.add(member);
  }

  /** How many members there are, those of weight 0 included. */
  get size(): number {
    return this.#members.size;
  }

  /** The members, sorted by id, defaults filled in: a frozen array. */
  get members(): readonly ResolvedMember[] {
    if (this.#stale) this.#rebuild();
    return this.#sorted;
  }

  /** Whether there is a member with this id. O(1). */
  has(id: string): boolean {
    return this.#members.has(id);
  }

  /**
   * Adds a member. One with the same id is replaced; if weight and zone are the same too, nothing happens.
   *
   * @throws {ConsistentHashError} `ERR_MEMBER_INVALID`; the ring is as it was.
   */
  add(member: Member): void {
    const resolved = resolveMember(member);
    const known = this.#members.get(resolved.id);
    if (known !== undefined && sameMember(known.member, resolved)) return;
    const points = known?.member.weight === resolved.weight ? known.points : this.#pointsOf(resolved);
    this.#members.set(resolved.id, { member: resolved, points });
    this.#stale = true;
  }

  /** Removes a member; false if there is none with this id. */
  remove(id: string): boolean {
    if (!this.#members.delete(id)) return false;
    this.#stale = true;
    return true;
  }

  /** The node that a key belongs to; undefined if no member has weight. O(1) expected beside the hash. */
  get(key: string): string | undefined {
    if (this.#stale) this.#rebuild();
    if (this.#holders === 0) return undefined;
    const hash = this.#hash(key) >>> 0;
    let node = this.#cells[hash >>> this.#shift]!;
    if (node < 0) node = this.#search(hash, ~node);
    return this.#ids[node];
  }

  /**
   * The first `count` distinct nodes on the ring from a key on, `get(key)` first: nodes in zones not met yet come before
   * nodes in zones already used. All nodes with weight if `count` is more. O(points passed).
   *
   * @throws {ConsistentHashError} `ERR_ARGUMENT_INVALID`: `count` is not an integer from 0.
   */
  getMany(key: string, count: number): string[] {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new ConsistentHashError('ERR_ARGUMENT_INVALID', `count: got ${show(count)}, want an integer from 0`);
    }
    if (this.#stale) this.#rebuild();
    const wanted = Math.min(count, this.#holders);
    if (wanted === 0) return [];
    const seen = new Set<number>();
    const zonesSeen = new Set<number>();
    const newZones: number[] = [];
    const usedZones: number[] = [];
    const points = this.#points.length;
    for (let at = this.#firstPoint(key); seen.size < this.#holders; at = at + 1 === points ? 0 : at + 1) {
      const node = this.#ownerOf[at]!;
      if (seen.has(node)) continue;
      seen.add(node);
      const zone = this.#zoneOf[node]!;
      (zonesSeen.has(zone) ? usedZones : newZones).push(node);
      zonesSeen.add(zone);
      if (newZones.length === wanted || (zonesSeen.size === this.#zones && seen.size >= wanted)) break;
    }
    return [...newZones, ...usedZones].slice(0, wanted).map((node) => this.#sorted[node]!.id);
  }

  /** Index of the first point at or after a key's hash, by binary search. There must be points. */
  #firstPoint(key: string): number {
    const hash = this.#hash(key) >>> 0;
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#points[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low === this.#points.length ? 0 : low;
  }

  /** Owner of a hash in a cell that holds points, the first of them at index `at`. */
  #search(hash: number, at: number): number {
    const points = this.#points;
    while (at < points.length && points[at]! < hash) at++;
    return this.#ownerOf[at === points.length ? 0 : at]!;
  }

  #pointsOf({ id, weight }: ResolvedMember): Uint32Array {
    const count = weight === 0 ? 0 : Math.max(1, Math.round(this.#virtualNodes * weight));
    const points = new Uint32Array(count);
    for (let i = 0; i < count; i++) points[i] = this.#hash(`${id}${SEPARATOR}${i}`);
    return points;
  }

  #rebuild(): void {
    const entries = [...this.#members.values()].sort((a, b) => byId(a.member, b.member));
    this.#sorted = Object.freeze(entries.map(({ member }) => member));
    this.#ids = this.#sorted.map(({ id }) => id);
    const holders = this.#sorted.filter(({ weight }) => weight > 0);
    this.#holders = holders.length;
    this.#zones = numberZones(holders).zones;
    this.#zoneOf = numberZones(this.#sorted).zoneOf;

    // Position and member in one number (32 + at most 21 bits), so that one numeric sort orders points and breaks ties by id.
    const count = entries.reduce((sum, { points }) => sum + points.length, 0);
    const packed = new Float64Array(count);
    let filled = 0;
    entries.forEach(({ points }, node) => {
      for (const point of points) packed[filled++] = point * MAX_MEMBERS + node;
    });
    packed.sort();
    this.#points = new Uint32Array(count);
    this.#ownerOf = new Uint32Array(count);
    for (let at = 0; at < count; at++) {
      const position = Math.floor(packed[at]! / MAX_MEMBERS);
      this.#points[at] = position;
      this.#ownerOf[at] = packed[at]! - position * MAX_MEMBERS;
    }

    // Four to eight times as many cells as points: most lookups end in a cell without one.
    const bits = Math.min(MAX_CELL_BITS, HASH_BITS - Math.clz32(count) + 2);
    this.#shift = HASH_BITS - bits;
    this.#cells = new Int32Array(2 ** bits);
    for (let cell = 0, at = 0; cell < this.#cells.length && count > 0; cell++) {
      const end = (cell + 1) * 2 ** this.#shift;
      const first = at;
      while (at < count && this.#points[at]! < end) at++;
      this.#cells[cell] = first < at ? ~first : this.#ownerOf[at === count ? 0 : at]!;
    }
    this.#stale = false;
  }
}

const MAX_MEMBERS = 2 ** 21;
