import type { SlotSet, Version } from '@dcs/protocol';
import { compareVersions, VERSION_ZERO } from '@dcs/protocol';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import type { Store } from '../node/store.js';

/**
 * What a node still holds of slots that were others' for a while. An entry that was overwritten meanwhile, by one that
 * has since expired or been evicted, would come back from such a copy; so it is dropped before the slot is imported,
 * except for what arrived after the slot was this node's again, and for entries kept for an owner that was silent.
 */
export class StaleCopies {
  readonly #store: Store;
  readonly #isHinted: (key: string) => boolean;
  readonly #stale = new Uint8Array(SLOT_COUNT);
  #upTo: Version = VERSION_ZERO;

  constructor(store: Store, isHinted: (key: string) => boolean) {
    this.#store = store;
    this.#isHinted = isHinted;
  }

  /** What the store has of these slots, up to this version, is from before. */
  mark(slots: Iterable<number>, upTo: Version): void {
    for (const slot of slots) if (this.#store.heldIn(slot) > 0) this.#stale[slot] = 1;
    this.#upTo = upTo;
  }

  /** Others own the slot again, or it never was theirs. */
  unmark(slot: number): void {
    this.#stale[slot] = 0;
  }

  /** @param slots that are about to be imported from an owner that has owned them all along */
  drop(slots: SlotSet): void {
    let found = false;
    for (const slot of slots) found ||= this.#stale[slot] === 1;
    if (!found) return;
    this.#store.dropWhere(
      (key, entry) =>
        this.#stale[entry.slot] === 1 &&
        slots.has(entry.slot) &&
        compareVersions(entry, this.#upTo) <= 0 &&
        !this.#isHinted(key),
    );
    for (const slot of slots) this.#stale[slot] = 0;
  }
}
