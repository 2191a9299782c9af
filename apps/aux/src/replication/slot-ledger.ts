import { SLOT_COUNT } from '@dcs/consistent-hash';
import { SlotSet } from '@dcs/protocol';

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
  #unsettled = 0;

  /** Slots that are not settled. */
  get unsettled(): number {
    return this.#unsettled;
  }

  isSettled(slot: number): boolean {
    return this.#sources[slot] === undefined;
  }

  sourcesOf(slot: number): ReadonlySet<string> | undefined {
    return this.#sources[slot];
  }

  /** The slot is new here: while none of its sources answers, its keys are unknown. */
  isHard(slot: number): boolean {
    return this.#hard[slot] === 1;
  }

  /** Begins to import a slot that is new here from these nodes, and forgets earlier imports of it. */
  begin(slot: number, sources: Iterable<string>): void {
    this.abandon(slot);
    const set = new Set(sources);
    if (set.size === 0) return;
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

  /** All that `source` had of the slot is here, or `source` is gone. Returns whether that settled the slot. */
  finish(slot: number, source: string): boolean {
    const set = this.#sources[slot];
    if (set === undefined || !set.delete(source)) return false;
    this.#pulled[slot]?.add(source);
    if (set.size > 0) return false;
    this.#sources[slot] = undefined;
    this.#pulled[slot] = undefined;
    this.#hard[slot] = 0;
    this.#unsettled--;
    return true;
  }

  /** This node does not own the slot any more, or begins anew. */
  abandon(slot: number): void {
    if (this.#sources[slot] !== undefined) this.#unsettled--;
    this.#sources[slot] = undefined;
    this.#pulled[slot] = undefined;
    this.#hard[slot] = 0;
  }

  /** Takes nodes that are gone out of all slots. O(unsettled slots). */
  retainSources(alive: (id: string) => boolean): void {
    if (this.#unsettled === 0) return;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      for (const source of this.#sources[slot] ?? []) if (!alive(source)) this.finish(slot, source);
    }
  }

  /** The slots still to be imported from each source. O(16384). */
  bySource(): Map<string, SlotSet> {
    const result = new Map<string, SlotSet>();
    if (this.#unsettled === 0) return result;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      for (const source of this.#sources[slot] ?? []) {
        let slots = result.get(source);
        if (slots === undefined) result.set(source, (slots = new SlotSet()));
        slots.add(slot);
      }
    }
    return result;
  }
}
