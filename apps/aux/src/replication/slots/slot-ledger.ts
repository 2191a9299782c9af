import { SLOT_COUNT } from '@dcs/consistent-hash';
import { SlotSet } from '@dcs/protocol';

/**
 * For every slot that this node owns: from whom it still has to import it. A slot without such sources is *settled*:
 * what the node holds is all there is.
 *
 * Kept as a set of slots per source, of which there are few, so that 16384 slots cost no object each.
 */
export class SlotLedger {
  /** Epoch since which a slot has had its present owners. */
  readonly changedAt = new Float64Array(SLOT_COUNT);
  readonly #sources = new Map<string, SlotSet>();
  /** What was imported from each source since the slot was settled last. */
  readonly #pulled = new Map<string, SlotSet>();
  /** How many sources a slot has. */
  readonly #counts = new Uint16Array(SLOT_COUNT);
  /** Nothing can be said of an unsettled slot's keys without its sources. */
  readonly #unreadable = new SlotSet();
  /** Nobody that is here is known to have the slot whole: nothing is said of it, or taken for it. */
  readonly #blocked = new SlotSet();
  /** What is here of the slot may not be all that this node should have, owner or not. */
  readonly #incomplete = new SlotSet();
  /** Sources that were left when a slot ceased to be this node's: whoever imports it from here has to ask them too. */
  readonly #left = new Map<string, SlotSet>();
  /** A node that had the slot whole has given all of it, since the last {@link begin}. */
  readonly #gotComplete = new SlotSet();
  #unsynced = 0;
  #blockedCount = 0;

  /** Slots that are not settled. */
  get unsynced(): number {
    return this.#unsynced;
  }

  /** Slots that wait for nodes or a backup that have them. */
  get blocked(): number {
    return this.#blockedCount;
  }

  isInSync(slot: number): boolean {
    return this.#counts[slot] === 0 && !this.isBlocked(slot);
  }

  /** What is here is all there was when this node last owned the slot, or it never did. */
  isComplete(slot: number): boolean {
    return this.isInSync(slot) && !this.#incomplete.has(slot);
  }

  /** It is not settled, and was so before: others may have more, but what is here is nothing old. */
  isComparing(slot: number): boolean {
    return this.#counts[slot]! > 0 && !this.isUnreadable(slot) && !this.#incomplete.has(slot);
  }

  isSource(slot: number, source: string): boolean {
    return this.#sources.get(source)?.has(slot) === true;
  }

  /** Empty for a settled slot. O(sources of all slots). */
  sourcesOf(slot: number): string[] {
    if (this.#counts[slot] === 0) return [];
    const ids: string[] = [];
    for (const [source, slots] of this.#sources) if (slots.has(slot)) ids.push(source);
    return ids;
  }

  /** From whom this node imports the slot, or still had to when it ceased to be its own. */
  sourcesToName(slot: number): string[] {
    if (this.#counts[slot]! > 0) return this.sourcesOf(slot);
    const ids: string[] = [];
    for (const [source, slots] of this.#left) if (slots.has(slot)) ids.push(source);
    return ids;
  }

  /** The same for any of these slots. */
  sourcesToNameOfAny(slots: SlotSet): Set<string> {
    const ids = new Set<string>();
    for (const sets of [this.#sources, this.#left]) {
      for (const [source, its] of sets) if (its.intersects(slots)) ids.add(source);
    }
    return ids;
  }

  /** The slot is new here: while none of its sources answers, its keys are unknown. */
  isUnreadable(slot: number): boolean {
    return this.#unreadable.has(slot) || this.isBlocked(slot);
  }

  isBlocked(slot: number): boolean {
    return this.#blockedCount > 0 && this.#blocked.has(slot);
  }

  /** From now on nothing is said of the slot, owner or not, until it is released. */
  block(slot: number): void {
    if (this.#blocked.has(slot)) return;
    this.#blocked.add(slot);
    this.#incomplete.add(slot);
    this.#blockedCount++;
  }

  /**
   * Ends {@link block}. An owner then begins to import the slot from these nodes, each of which may have a part of it;
   * for others (`undefined`) what is here stays of unknown worth.
   */
  unblock(slot: number, sources: Iterable<string> | undefined): void {
    if (!this.isBlocked(slot)) return;
    this.#blocked.delete(slot);
    this.#blockedCount--;
    if (sources === undefined) return;
    this.begin(slot, sources);
    this.#gotComplete.add(slot);
  }

  /** Begins to import a slot that is new here from these nodes, and forgets earlier imports of it. */
  begin(slot: number, sources: Iterable<string>): void {
    this.abandon(slot);
    for (const slots of this.#left.values()) slots.delete(slot);
    this.#gotComplete.delete(slot);
    if (!this.isBlocked(slot)) this.#incomplete.delete(slot);
    for (const source of sources) this.require(slot, source);
  }

  /** One more source without which nothing can be said of the slot's keys. */
  require(slot: number, source: string): void {
    this.#add(slot, source);
    this.#unreadable.add(slot);
    this.#incomplete.add(slot);
  }

  /** One more source of a slot, unless it was imported from already since the slot was settled last. */
  addSource(slot: number, source: string): void {
    if (this.#pulled.get(source)?.has(slot) !== true) this.#add(slot, source);
  }

  /** One more source of a slot, whatever was imported from it before. */
  ask(slot: number, source: string): void {
    this.#pulled.get(source)?.delete(slot);
    this.#add(slot, source);
  }

  /**
   * All that `source` had of the slot is here, or `source` is gone. Returns whether that settled the slot.
   * @param complete the source had all there is
   */
  finish(slot: number, source: string, complete = false): boolean {
    const slots = this.#sources.get(source);
    if (slots === undefined || !slots.has(slot)) return false;
    slots.delete(slot);
    if (complete) this.#gotComplete.add(slot);
    if (--this.#counts[slot]! > 0) {
      setOf(this.#pulled, source).add(slot);
      return false;
    }
    this.#synced(slot);
    if (!this.isBlocked(slot)) this.#incomplete.delete(slot);
    return true;
  }

  /** This node does not own the slot any more, or begins anew. */
  abandon(slot: number): void {
    if (this.#counts[slot] === 0) return;
    for (const [source, slots] of this.#sources) {
      if (slots.has(slot)) setOf(this.#left, source).add(slot);
      slots.delete(slot);
    }
    this.#counts[slot] = 0;
    this.#synced(slot);
  }

  /**
   * Takes nodes that are gone out of all slots.
   * @returns slots that were new here, whose last source went before any node that had them whole could give them
   */
  retainSources(alive: (id: string) => boolean): number[] {
    const orphans: number[] = [];
    for (const [source, slots] of this.#sources) {
      if (alive(source)) continue;
      for (const slot of slots) {
        const isNew = this.#unreadable.has(slot);
        if (this.finish(slot, source) && isNew && !this.#gotComplete.has(slot)) orphans.push(slot);
      }
      this.#sources.delete(source);
    }
    for (const source of this.#pulled.keys()) if (!this.#sources.has(source)) this.#pulled.delete(source);
    for (const source of this.#left.keys()) if (!alive(source)) this.#left.delete(source);
    return orphans;
  }

  /** All slots that are not settled. */
  unsyncedSlots(): SlotSet {
    const all = new SlotSet();
    if (this.#blockedCount > 0) all.addAll(this.#blocked);
    if (this.#unsynced > 0) for (const slots of this.#sources.values()) all.addAll(slots);
    return all;
  }

  /** The slots still to be imported from each source, those that are held left out. */
  *bySource(): Generator<readonly [source: string, slots: SlotSet], void, undefined> {
    if (this.#unsynced === 0) return;
    for (const [source, all] of this.#sources) {
      const slots = this.#blockedCount > 0 ? all.without(this.#blocked) : all;
      if (!slots.isEmpty) yield [source, slots];
    }
  }

  #add(slot: number, source: string): void {
    const slots = setOf(this.#sources, source);
    if (slots.has(slot)) return;
    slots.add(slot);
    if (++this.#counts[slot]! === 1) this.#unsynced++;
  }

  #synced(slot: number): void {
    for (const slots of this.#pulled.values()) slots.delete(slot);
    this.#unreadable.delete(slot);
    this.#unsynced--;
  }
}

function setOf(sets: Map<string, SlotSet>, id: string): SlotSet {
  let set = sets.get(id);
  if (set === undefined) sets.set(id, (set = new SlotSet()));
  return set;
}
