import { compareVersions, makeVersion, type SlotSet } from '@dcs/protocol';
import type { Store } from '../node/store.js';
import type { Origin } from './origin.js';
import type { LastState } from './origins.js';

/** After so long a write is on the disk of whoever has taken it, with `DCS_DURABILITY=interval` too. */
const DURABLE_MS = 1000;

/**
 * The disks of nodes that had left, or were expelled, before the others' life ended: whoever owned a slot until then has
 * all that such a disk has of it, unless it was overwritten or deleted since. An entry that was overwritten by one that
 * has expired or been evicted must not come back from there.
 */
export class OutdatedDisks {
  /** Until when each may have been in use, ms since the Unix epoch. */
  readonly #endedBy = new Map<string, number>();
  readonly #present: ReadonlyMap<string, Origin>;

  /** @param aliveAgeMs of the disks: see `NodeDisk` */
  constructor(present: ReadonlyMap<string, Origin>, { owners, lineage }: LastState, aliveAgeMs: number) {
    this.#present = present;
    for (const [id, { identity }] of present) {
      if (identity === undefined || identity.lineage !== lineage || owners.members.has(id)) continue;
      this.#endedBy.set(id, identity.aliveAt + aliveAgeMs);
    }
  }

  /** @param whole nodes whose disks have the slot as it was last */
  covers(whole: readonly string[], id: string): boolean {
    const endedBy = this.#endedBy.get(id);
    if (endedBy === undefined) return false;
    return whole.some((each) => (this.#present.get(each)?.identity?.aliveAt ?? -Infinity) >= endedBy + DURABLE_MS);
  }

  /** Drops what the disk of node `id` has brought of these slots. */
  drop(store: Store, id: string, slots: SlotSet): void {
    const end = makeVersion(this.#endedBy.get(id)!, 0, 0);
    store.dropWhere((_, entry) => slots.has(entry.slot) && compareVersions(entry, end) <= 0);
  }
}
