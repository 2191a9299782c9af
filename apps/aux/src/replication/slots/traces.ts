import { type Entry, LAST_MS } from '../../node/entry.js';
import type { NodeDisk } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { SlotLedger } from './slot-ledger.js';

export interface TracesOptions {
  readonly store: Store;
  readonly ledger: SlotLedger;
  readonly disk: NodeDisk | undefined;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** Whether an owner has missed something of the slot, and has not heard of it. */
  readonly isAnyBehindOn: (slot: number) => boolean;
}

/** How long a slot remembers that traces of it were lost, once it is in sync and all owners have heard what they missed. */
const LOST_FOR_MS = 60_000;

/**
 * Which entries leave a trace when they are evicted or expire: those that an owner did not get, as it may still have what
 * they replaced; and, while a slot is not all here, what goes of it, as an older copy may still come in. After a start,
 * of what was on the disk only the last.
 *
 * Where there was no room for a trace the slot remembers up to which version it may have been (`LostTraces`): this node
 * takes no older copy of what it does not hold, and an owner that compares the slot with it drops its own before.
 */
export class Traces {
  readonly #options: TracesOptions;
  readonly #missed = new WeakSet<Entry>();
  /** When a slot whose traces were lost was last found to need them. */
  readonly #neededAt = new Map<number, number>();

  constructor(options: TracesOptions) {
    this.#options = options;
    const { store, ledger, disk } = options;
    const from = (disk?.identity?.aliveAt ?? 0) - LAST_MS;
    store.leavesTrace = (entry) => this.#missed.has(entry) || (!ledger.isInSync(entry.slot) && entry.ms >= from);
  }

  /** An owner did not get this entry, which may have been evicted while that was found out. */
  missed(key: string, entry: Entry): void {
    this.#missed.add(entry);
    const { store } = this.#options;
    if (store.lookup(key) === undefined) store.leaveTrace(key, entry, false);
  }

  /** Forgets lost traces that nobody needs any more. Call from time to time. */
  review(): void {
    const { store, ledger, monotonic, isAnyBehindOn } = this.#options;
    const now = monotonic();
    for (const slot of store.lostTraces.slots) {
      const isNeeded = !ledger.isInSync(slot) || isAnyBehindOn(slot);
      const since = isNeeded ? now : (this.#neededAt.get(slot) ?? now);
      this.#neededAt.set(slot, since);
      if (now - since < LOST_FOR_MS) continue;
      store.lostTraces.forget(slot);
      this.#neededAt.delete(slot);
    }
  }
}
