import { SLOT_COUNT } from '@dcs/consistent-hash';
import { SlotSet } from '@dcs/protocol';
import { NONE, type Ownership } from '../../node/ownership.js';
import type { Origin } from './origin.js';
import type { SlotLedger } from '../slots/slot-ledger.js';

/**
 * The held slots that this node is to look for in the backup, if no disk has them: those that it owns, and those that it
 * owned while they were held, and that went to nodes which have joined others who serve. These import from who was there
 * before them, and look nowhere else; a node that recovers looks for itself.
 */
export class RestoreDuty {
  readonly #ownership: Ownership;
  readonly #ledger: SlotLedger;
  readonly #slots = new SlotSet();

  constructor(ownership: Ownership, ledger: SlotLedger) {
    this.#ownership = ownership;
    this.#ledger = ledger;
  }

  /** After every view, and whenever others may have said something new. */
  update(present: ReadonlyMap<string, Origin>): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (!this.#ledger.isBlocked(slot)) this.#slots.delete(slot);
      else if (this.#ownership.roleOf(slot) !== NONE) this.#slots.add(slot);
      else if (this.has(slot) && this.#ownersOf(slot, present).some((owner) => owner?.recovering === true))
        this.#slots.delete(slot);
    }
  }

  has(slot: number): boolean {
    return this.#slots.has(slot);
  }

  /**
   * Whether others own it who have not said if they look for it: they have only just started, or are dead and not out of
   * the view yet.
   */
  isUnsure(slot: number, present: ReadonlyMap<string, Origin>): boolean {
    if (this.#ownership.roleOf(slot) !== NONE) return false;
    return this.#ownersOf(slot, present).some((owner) => owner === undefined);
  }

  #ownersOf(slot: number, present: ReadonlyMap<string, Origin>): (Origin | undefined)[] {
    return this.#ownership.table.ownersOf(slot).map((id) => present.get(id));
  }
}
