import { slotOfBinary } from '@dcs/consistent-hash';
import { compareVersions, type RepeatedOperation } from '@dcs/protocol';
import type { DedupTable } from '../../node/dedup-table.js';
import type { Ownership } from '../../node/ownership.js';
import type { Store } from '../../node/store.js';
import type { Effect } from '../copies/effect.js';
import type { ReadRepair } from './read-repair.js';
import type { PendingKeys } from '../copies/pending-keys.js';
import type { SlotLedger } from '../slots/slot-ledger.js';

export interface PreparationOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly store: Store;
  readonly dedup: DedupTable;
  readonly readRepair: ReadRepair;
  readonly pending: PendingKeys;
  /** Copies it to the other owners; calls back whether they have it, or it is not this node's any more. */
  readonly copy: (effect: Effect, done: (copied: boolean) => void) => void;
}

/**
 * - `ready`: what the store says of the key is all there is, and may be shown.
 * - `unknown`: not now; soon.
 * - `blocked`: the slot waits for nodes, or a backup, that have it.
 */
export type Readiness = 'ready' | 'unknown' | 'blocked';

const NOBODY: readonly string[] = [];

/** Makes sure that what the store says of a key is all there is, and that it is safe to show. */
export class Preparation {
  readonly #options: PreparationOptions;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /**
   * @param repeated the operation to be done on the key, if it may have been carried out already
   * @param isSuperseded see {@link isSuperseded}: all owners are asked
   */
  prepare(
    key: string,
    repeated: RepeatedOperation | undefined,
    isSuperseded: boolean,
    done: (readiness: Readiness) => void,
  ): void {
    const { readRepair, ledger, ownership } = this.#options;
    const { selfId, table } = ownership;
    const slot = slotOfBinary(key);
    const witnesses = isSuperseded ? table.ownersOf(slot).filter((id) => id !== selfId) : NOBODY;
    readRepair.repair(slot, key, repeated, witnesses, (outcome) => {
      const isEnough =
        outcome === 'known' || (!ledger.isUnreadable(slot) && (outcome === 'gone' || repeated === undefined));
      if (isEnough) this.#whenSafe(key, done);
      else done(outcome === 'blocked' ? 'blocked' : 'unknown');
    });
  }

  /**
   * Whether the key was written since the operation began, and the operation is not known here. Another owner may have
   * done it in this node's place, while this node did not answer, and that may be what the later write has overwritten:
   * to do it now would undo that write.
   */
  isSuperseded(key: string, slot: number, operation: RepeatedOperation): boolean {
    const { dedup, ownership, store } = this.#options;
    const isOlder = compareVersions(store.lookup(key) ?? store.versionOfAbsent(key), operation.stamp) > 0;
    return isOlder && !ownership.isAlone(slot) && dedup.find(operation, key, slot) === undefined;
  }

  #whenSafe(key: string, done: (readiness: Readiness) => void): void {
    const { copy, pending, store } = this.#options;
    pending.whenDone(key, () => {
      const uncopied = pending.uncopied(key);
      if (uncopied === undefined) return done('ready');
      const entry = store.lookup(key);
      if (entry === undefined) {
        pending.forget(key);
        return done('ready');
      }
      // With its operation: repeated at another owner, it must not be done on top of its own effect.
      const effect = entry === uncopied.entry ? uncopied : { key, entry, operation: undefined };
      copy(effect, (copied) => done(copied ? 'ready' : 'unknown'));
    });
  }
}
