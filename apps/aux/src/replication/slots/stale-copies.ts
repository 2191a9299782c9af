import { compareVersions, type SlotSet, type Version } from '@dcs/protocol';
import type { Entry } from '../../node/entry.js';
import type { Store } from '../../node/store.js';

/** Greater than every version. */
const WHATEVER_IS_HERE: Version = { ms: Infinity, low: 0 };

/** What a node had of a slot when the slot became its own again. */
interface Before {
  /** No version of it is greater. */
  readonly upTo: Version;
  /** Writes that this node has not copied yet stay: the slot has been its own all along. */
  readonly keepsUncopied: boolean;
  /** Of what has come since, keys with versions that are not greater either: of attempts that were long on their way. */
  since: Set<string> | undefined;
}

/**
 * What a node still holds of slots that were others' for a while. An entry that was overwritten meanwhile, by one that
 * has since expired or been evicted, would come back from such a copy; so it is dropped before the slot is imported,
 * except for what arrived after the slot was this node's again, and for entries kept for an owner that was silent. What
 * this node wrote before and could not copy goes, too: for the others it has not happened.
 */
export class StaleCopies {
  readonly #store: Store;
  readonly #isHinted: (key: string) => boolean;
  readonly #isUncopied: (key: string) => boolean;
  readonly #stale = new Map<number, Before>();

  constructor(store: Store, isHinted: (key: string) => boolean, isUncopied: (key: string) => boolean) {
    this.#store = store;
    this.#isHinted = isHinted;
    this.#isUncopied = isUncopied;
  }

  /** What the store has of these slots, up to this version, is from before. */
  mark(slots: Iterable<number>, upTo: Version, keepsUncopied = false): void {
    for (const slot of slots) {
      if (this.#store.entriesIn(slot) > 0) this.#stale.set(slot, { upTo, keepsUncopied, since: undefined });
      else this.#stale.delete(slot);
    }
  }

  /**
   * The same for slots that have been this node's all along, of which it has older entries than another owner. What is
   * marked already stays as it is.
   */
  markOwned(slots: Iterable<number>): void {
    const unmarked = [...slots].filter((slot) => !this.#stale.has(slot));
    this.mark(unmarked, WHATEVER_IS_HERE, true);
  }

  /** Others own the slot again, or it never was theirs. */
  unmark(slot: number): void {
    this.#stale.delete(slot);
  }

  /** Nothing that is here counts as old. */
  clear(): void {
    this.#stale.clear();
  }

  /** A client has written this here, or an owner has had it copied. */
  arrived(key: string, entry: Entry): void {
    if (this.#stale.size === 0) return;
    const before = this.#stale.get(entry.slot);
    if (before !== undefined && compareVersions(entry, before.upTo) <= 0) (before.since ??= new Set()).add(key);
  }

  /** @param slots that are about to be imported from an owner that has owned them all along */
  drop(slots: SlotSet): void {
    let found = false;
    for (const slot of slots) found ||= this.#stale.has(slot);
    if (!found) return;
    this.#store.dropWhere((key, entry) => {
      const before = slots.has(entry.slot) ? this.#stale.get(entry.slot) : undefined;
      return (
        before !== undefined &&
        compareVersions(entry, before.upTo) <= 0 &&
        before.since?.has(key) !== true &&
        !this.#isHinted(key) &&
        !(before.keepsUncopied && this.#isUncopied(key))
      );
    });
    for (const slot of slots) this.#stale.delete(slot);
  }
}
