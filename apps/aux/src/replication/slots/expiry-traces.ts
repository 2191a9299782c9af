import { type Entry, LAST_MS } from '../../node/entry.js';
import type { NodeDisk } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { SlotLedger } from './slot-ledger.js';

export interface ExpiryTracesOptions {
  readonly store: Store;
  readonly ledger: SlotLedger;
  readonly disk: NodeDisk | undefined;
}

/**
 * Which entries leave a tombstone when they expire: those that an owner did not get, as it may still have what they
 * replaced; and, while a slot is not all here, what expires in it, as an older copy may still come in. After a start,
 * of what was on the disk only the last.
 */
export class ExpiryTraces {
  readonly #missed = new WeakSet<Entry>();

  constructor({ store, ledger, disk }: ExpiryTracesOptions) {
    const from = (disk?.identity?.aliveAt ?? 0) - LAST_MS;
    store.leavesTombstone = (entry) => this.#missed.has(entry) || (!ledger.isInSync(entry.slot) && entry.ms >= from);
  }

  /** An owner did not get this entry. */
  missed(entry: Entry): void {
    this.#missed.add(entry);
  }
}
