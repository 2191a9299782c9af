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
  readonly #hard = new SlotSet();
  #unsettled = 0;

  /** Slots that are not settled. */
  get unsettled(): number {
    return this.#unsettled;
  }

  isSettled(slot: number): boolean {
    return this.#counts[slot] === 0;
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

  /** The sources of any of these slots. */
  sourcesOfAny(slots: SlotSet): string[] {
    const ids: string[] = [];
    if (this.#unsettled === 0) return ids;
    for (const [source, its] of this.#sources) if (its.intersects(slots)) ids.push(source);
    return ids;
  }

  /** The slot is new here: while none of its sources answers, its keys are unknown. */
  isHard(slot: number): boolean {
    return this.#hard.has(slot);
  }

  /** Begins to import a slot that is new here from these nodes, and forgets earlier imports of it. */
  begin(slot: number, sources: Iterable<string>): void {
    this.abandon(slot);
    for (const source of sources) this.require(slot, source);
  }

  /** One more source without which nothing can be said of the slot's keys. */
  require(slot: number, source: string): void {
    this.#add(slot, source);
    this.#hard.add(slot);
  }

  /** One more source of a slot, unless it was imported from already since the slot was settled last. */
  addSource(slot: number, source: string): void {
    if (this.#pulled.get(source)?.has(slot) !== true) this.#add(slot, source);
  }

  /** All that `source` had of the slot is here, or `source` is gone. Returns whether that settled the slot. */
  finish(slot: number, source: string): boolean {
    const slots = this.#sources.get(source);
    if (slots === undefined || !slots.has(slot)) return false;
    slots.delete(slot);
    if (--this.#counts[slot]! > 0) {
      setOf(this.#pulled, source).add(slot);
      return false;
    }
    this.#settle(slot);
    return true;
  }

  /** This node does not own the slot any more, or begins anew. */
  abandon(slot: number): void {
    if (this.#counts[slot] === 0) return;
    for (const slots of this.#sources.values()) slots.delete(slot);
    this.#counts[slot] = 0;
    this.#settle(slot);
  }

  /** Takes nodes that are gone out of all slots. */
  retainSources(alive: (id: string) => boolean): void {
    for (const [source, slots] of this.#sources) {
      if (alive(source)) continue;
      for (const slot of slots) this.finish(slot, source);
      this.#sources.delete(source);
    }
    for (const source of this.#pulled.keys()) if (!this.#sources.has(source)) this.#pulled.delete(source);
  }

  /** All slots that are not settled. */
  unsettledSlots(): SlotSet {
    const all = new SlotSet();
    if (this.#unsettled > 0) for (const slots of this.#sources.values()) all.addAll(slots);
    return all;
  }

  /** The slots still to be imported from each source. */
  *bySource(): Generator<readonly [source: string, slots: SlotSet], void, undefined> {
    if (this.#unsettled === 0) return;
    for (const [source, slots] of this.#sources) if (!slots.isEmpty) yield [source, slots];
  }

  #add(slot: number, source: string): void {
    const slots = setOf(this.#sources, source);
    if (slots.has(slot)) return;
    slots.add(slot);
    if (++this.#counts[slot]! === 1) this.#unsettled++;
  }

  #settle(slot: number): void {
    for (const slots of this.#pulled.values()) slots.delete(slot);
    this.#hard.delete(slot);
    this.#unsettled--;
  }
}

function setOf(sets: Map<string, SlotSet>, id: string): SlotSet {
  let set = sets.get(id);
  if (set === undefined) sets.set(id, (set = new SlotSet()));
  return set;
}
