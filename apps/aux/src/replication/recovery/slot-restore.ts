import type { HybridClock, SlotSet } from '@dcs/protocol';
import type { NodeBackup } from '../../node/ports.js';
import type { Store } from '../../node/store.js';

export interface SlotRestoreOptions {
  readonly backup: NodeBackup | undefined;
  readonly store: Store;
  readonly clock: HybridClock;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** A backup is to be expected: one that cannot be read is tried again. */
  readonly isExpected: () => boolean;
  /** All that the backup has of these slots is in the store. */
  readonly onRestored: (slots: SlotSet) => void;
}

/** Pause before a backup that could not be read is tried again. */
const RETRY_PAUSE_MS = 1000;

/** Reads slots from the backup that nothing else has, one set of them at a time. */
export class SlotRestore {
  /** The last restore that failed. */
  error: Error | undefined;
  readonly #options: SlotRestoreOptions;
  #slots: SlotSet | undefined;
  #nextAt = -Infinity;
  #closed = false;

  constructor(options: SlotRestoreOptions) {
    this.#options = options;
  }

  /** It is being read. */
  has(slot: number): boolean {
    return this.#slots?.has(slot) === true;
  }

  /** Begins, unless one is under way or has just failed. */
  start(slots: SlotSet): void {
    const { backup, store, clock, monotonic } = this.#options;
    if (this.#slots !== undefined || monotonic() < this.#nextAt) return;
    this.#slots = slots;
    const end = (error: Error | undefined): void => {
      this.#slots = undefined;
      if (!this.#closed) this.#ended(slots, error);
    };
    backup!
      .restore(slots, (key, entry) => {
        store.merge(key, entry);
        clock.observe(entry);
      })
      .then(() => end(undefined), end);
  }

  close(): void {
    this.#closed = true;
  }

  #ended(slots: SlotSet, error: Error | undefined): void {
    const { monotonic, isExpected, onRestored } = this.#options;
    this.error = error;
    if (error !== undefined && isExpected()) this.#nextAt = monotonic() + RETRY_PAUSE_MS;
    else onRestored(slots);
  }
}
