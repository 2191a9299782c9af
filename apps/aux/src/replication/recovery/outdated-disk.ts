import { compareVersions, makeVersion, type SlotSet } from '@dcs/protocol';
import type { Store } from '../../node/store.js';
import type { Origin } from './origin.js';
import type { LastState } from './origins.js';

/** After so long a write is on the disk of whoever has taken it, with `DCS_DURABILITY=interval` too. */
const DURABLE_MS = 1000;

/**
 * The disk of a node that had left, or was expelled, before the others' life ended: whoever owned a slot until then has
 * all that such a disk has of it, unless it was overwritten or deleted since. An entry that was overwritten by one that
 * has expired or been evicted must not come back from there.
 */
export class OutdatedDisk {
  readonly #present: ReadonlyMap<string, Origin>;
  /** Until when it may have been in use, ms since the Unix epoch; undefined for a disk that is not outdated. */
  readonly #endedBy: number | undefined;

  /**
   * @param id whose disk it is
   * @param aliveAgeMs of the disk: see `NodeDisk`
   */
  constructor(id: string, present: ReadonlyMap<string, Origin>, { owners, historyId }: LastState, aliveAgeMs: number) {
    this.#present = present;
    const identity = present.get(id)?.identity;
    if (identity === undefined || identity.historyId !== historyId || owners.members.has(id)) return;
    this.#endedBy = identity.aliveAt + aliveAgeMs;
  }

  /** @param whole nodes whose disks have the slot as it was last */
  isReplacedBy(whole: readonly string[]): boolean {
    if (this.#endedBy === undefined) return false;
    const from = this.#endedBy + DURABLE_MS;
    return whole.some((id) => (this.#present.get(id)?.identity?.aliveAt ?? -Infinity) >= from);
  }

  /** Drops what it has brought of these slots. */
  drop(store: Store, slots: SlotSet): void {
    if (this.#endedBy === undefined || slots.isEmpty) return;
    const end = makeVersion(this.#endedBy, 0, 0);
    store.dropWhere((_, entry) => slots.has(entry.slot) && compareVersions(entry, end) <= 0);
  }
}
