import { SLOT_COUNT } from '@dcs/consistent-hash';
import { SlotSet } from '@dcs/protocol';

const NOBODY: readonly string[] = [];

/**
 * For every slot that this node owns: from whom it still has to import it. A slot without such sources is *settled*:
 * what the node holds is all there is.
 */
export class SlotLedger {
  /** Epoch since which a slot has had its present owners. */
  readonly changedAt = new Float64Array(SLOT_COUNT);
  readonly #sources: (Set<string> | undefined)[] = new Array<undefined>(SLOT_COUNT).fill(undefined);
  readonly #pulled: (Set<string> | undefined)[] = new Array<undefined>(SLOT_COUNT).fill(undefined);
  /** Nothing can be said of an unsettled slot's keys without its sources. */
  readonly #hard = new Uint8Array(SLOT_COUNT);
  /** Nobody that is here is known to have the slot whole: nothing is said of it, or taken for it. */
  readonly #held = new Uint8Array(SLOT_COUNT);
  /** What is here of the slot may not be all that this node should have, owner or not. */
  readonly #partial = new Uint8Array(SLOT_COUNT);
  /** Sources that were left when the slot ceased to be this node's: whoever imports it from here has to ask them too. */
  readonly #left: (ReadonlySet<string> | undefined)[] = new Array<undefined>(SLOT_COUNT).fill(undefined);
  /** A node that had the slot whole has given all of it, since the last {@link begin}. */
  readonly #gotWhole = new Uint8Array(SLOT_COUNT);
  #unsettled = 0;
  #heldCount = 0;

  /** Slots that are not settled. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Slots that wait for nodes or a backup that have them. */
  get held(): number {
    return this.#heldCount;
  }

  isSettled(slot: number): boolean {
    return this.#sources[slot] === undefined && this.#held[slot] === 0;
  }

  sourcesOf(slot: number): ReadonlySet<string> | undefined {
    return this.#sources[slot];
  }

  /** From whom this node imports the slot, or still had to when it ceased to be its own. */
  sourcesToName(slot: number): Iterable<string> {
    return this.#sources[slot] ?? this.#left[slot] ?? NOBODY;
  }

  /** What is here is all there was when this node last owned the slot, or it never did. */
  isWhole(slot: number): boolean {
    return this.isSettled(slot) && this.#partial[slot] === 0;
  }

  /** The slot is new here: while none of its sources answers, its keys are unknown. */
  isHard(slot: number): boolean {
    return this.#hard[slot] === 1 || this.#held[slot] === 1;
  }

  isHeld(slot: number): boolean {
    return this.#held[slot] === 1;
  }

  /** From now on nothing is said of the slot, owner or not, until it is released. */
  hold(slot: number): void {
    if (this.#held[slot] === 1) return;
    this.#held[slot] = 1;
    this.#partial[slot] = 1;
    this.#heldCount++;
  }

  /**
   * Ends {@link hold}. An owner then begins to import the slot from these nodes, each of which may have a part of it;
   * for others (`undefined`) what is here stays of unknown worth.
   */
  release(slot: number, sources: Iterable<string> | undefined): void {
    if (this.#held[slot] === 0) return;
    this.#held[slot] = 0;
    this.#heldCount--;
    if (sources === undefined) return;
    this.begin(slot, sources);
    this.#gotWhole[slot] = 1;
  }

  /** Begins to import a slot that is new here from these nodes, and forgets earlier imports of it. */
  begin(slot: number, sources: Iterable<string>): void {
    this.#clear(slot);
    this.#left[slot] = undefined;
    this.#gotWhole[slot] = 0;
    const set = new Set(sources);
    if (set.size === 0) {
      if (this.#held[slot] === 0) this.#partial[slot] = 0;
      return;
    }
    this.#partial[slot] = 1;
    this.#sources[slot] = set;
    this.#pulled[slot] = new Set();
    this.#hard[slot] = 1;
    this.#unsettled++;
  }

  /** One more source of a slot, unless it was imported from already since the last {@link begin}. */
  addSource(slot: number, source: string): void {
    if (this.#pulled[slot]?.has(source)) return;
    const set = this.#sources[slot];
    if (set !== undefined) {
      set.add(source);
      return;
    }
    this.#sources[slot] = new Set([source]);
    this.#pulled[slot] ??= new Set();
    this.#unsettled++;
  }

  /**
   * All that `source` had of the slot is here. Returns whether that settled the slot.
   * @param whole the source had all there is
   */
  finish(slot: number, source: string, whole = false): boolean {
    const set = this.#sources[slot];
    if (set === undefined || !set.delete(source)) return false;
    this.#pulled[slot]?.add(source);
    if (whole) this.#gotWhole[slot] = 1;
    if (set.size > 0) return false;
    this.#clear(slot);
    if (this.#held[slot] === 0) this.#partial[slot] = 0;
    return true;
  }

  /** This node does not own the slot any more. */
  abandon(slot: number): void {
    this.#left[slot] = this.#sources[slot];
    this.#clear(slot);
  }

  /**
   * Takes nodes that are gone out of all slots. O(unsettled slots).
   * @returns slots that were new here, whose last source went before any node that had them whole could give them
   */
  retainSources(alive: (id: string) => boolean): number[] {
    const orphans: number[] = [];
    if (this.#unsettled === 0) return orphans;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const sources = this.#sources[slot];
      if (sources === undefined) continue;
      const isNew = this.#hard[slot] === 1;
      for (const source of [...sources]) {
        if (!alive(source) && this.finish(slot, source) && isNew && this.#gotWhole[slot] === 0) orphans.push(slot);
      }
    }
    return orphans;
  }

  /** The slots still to be imported from each source. O(16384). */
  bySource(): Map<string, SlotSet> {
    const result = new Map<string, SlotSet>();
    if (this.#unsettled === 0) return result;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#held[slot] === 1) continue;
      for (const source of this.#sources[slot] ?? []) {
        let slots = result.get(source);
        if (slots === undefined) result.set(source, (slots = new SlotSet()));
        slots.add(slot);
      }
    }
    return result;
  }

  #clear(slot: number): void {
    if (this.#sources[slot] !== undefined) this.#unsettled--;
    this.#sources[slot] = undefined;
    this.#pulled[slot] = undefined;
    this.#hard[slot] = 0;
  }
}
