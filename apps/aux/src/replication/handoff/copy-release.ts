import { SLOT_COUNT } from '@dcs/consistent-hash';
import { decodeDigestReply, encodeDigest, SLOT_IN_SYNC, SlotSet } from '@dcs/protocol';
import { NONE, type Ownership } from '../../node/ownership.js';
import type { Timers } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { Hints } from '../copies/hints.js';
import type { Peers } from '../peers/peers.js';

export interface CopyReleaseOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly store: Store;
  readonly hints: Hints;
  readonly timers: Timers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** What is held may be all there is: nothing is dropped. @defaultValue never */
  readonly isPaused?: () => boolean;
  /** How long a copy is kept after all owners have theirs. @defaultValue 5000 */
  readonly graceMs?: number;
  /** @defaultValue 500 */
  readonly intervalMs?: number;
}

const DEFAULT_GRACE_MS = 5000;
const DEFAULT_INTERVAL_MS = 500;
const TIMEOUT_MS = 2000;

/**
 * Drops the copies of slots that this node does not own any more: once every owner says that it has imported the slot,
 * and a grace period later.
 */
export class CopyRelease {
  readonly #options: CopyReleaseOptions;
  /** When a slot was first found held by all its owners; 0 = not yet. */
  readonly #safeSince = new Float64Array(SLOT_COUNT);
  #epoch = -1;
  #running = false;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: CopyReleaseOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#closed) return;
    const { timers, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
    this.#cancel ??= timers.after(intervalMs, () => {
      this.#cancel = undefined;
      this.check();
      this.start();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Slots held for others that not all owners are known to have: leaving now could lose them. */
  get unsafeSlots(): number {
    let count = 0;
    for (const slot of this.#slotsOfOthers()) if (this.#safeSince[slot] === 0) count++;
    return count;
  }

  /** Asks the owners of everything held for others, then drops what is safe and past its grace. */
  check(): void {
    const { ownership, isPaused } = this.#options;
    if (this.#running || isPaused?.() === true) return;
    if (this.#epoch !== ownership.epoch) {
      this.#epoch = ownership.epoch;
      this.#safeSince.fill(0);
    }
    const kept = this.#slotsOfOthers();
    if (kept.length === 0) return;
    this.#dropOld(kept);
    const byOwner = new Map<string, number[]>();
    for (const slot of kept) {
      if (this.#safeSince[slot] !== 0 || this.#options.hints.inSlot(slot) > 0) continue;
      for (const owner of ownership.table.ownersOf(slot)) {
        const slots = byOwner.get(owner);
        if (slots === undefined) byOwner.set(owner, [slot]);
        else slots.push(slot);
      }
    }
    if (byOwner.size > 0) this.#ask(byOwner);
  }

  #ask(byOwner: ReadonlyMap<string, readonly number[]>): void {
    const { ownership, peers, monotonic } = this.#options;
    const epoch = ownership.epoch;
    const confirmations = new Uint8Array(SLOT_COUNT);
    let outstanding = 1;
    this.#running = true;
    const settle = (): void => {
      if (--outstanding > 0) return;
      this.#running = false;
      if (epoch !== ownership.epoch) return;
      const now = monotonic();
      for (const slots of byOwner.values()) {
        for (const slot of slots) {
          const owners = ownership.table.ownersOf(slot).length;
          if (this.#safeSince[slot] === 0 && confirmations[slot] === owners && owners > 0) this.#safeSince[slot] = now;
        }
      }
    };
    for (const [owner, slots] of byOwner) {
      outstanding++;
      const decode = (reply: unknown) => decodeDigestReply(reply, slots.length);
      peers.send(owner, encodeDigest(epoch, SlotSet.of(slots)), decode, TIMEOUT_MS, (error, reply) => {
        if (error === null) {
          const ascending = [...slots].sort((a, b) => a - b);
          const { standings } = reply;
          ascending.forEach((slot, i) => {
            if (standings[i] === SLOT_IN_SYNC) confirmations[slot]!++;
          });
        }
        settle();
      });
    }
    settle();
  }

  #dropOld(slots: readonly number[]): void {
    const { store, hints, monotonic, graceMs = DEFAULT_GRACE_MS } = this.#options;
    const now = monotonic();
    const old = SlotSet.of(
      slots.filter((slot) => this.#safeSince[slot] !== 0 && now - this.#safeSince[slot]! >= graceMs),
    );
    if (old.isEmpty) return;
    store.dropWhere((key, entry) => old.has(entry.slot) && !hints.has(key));
    for (const slot of old) this.#safeSince[slot] = 0;
  }

  #slotsOfOthers(): number[] {
    const { ownership, store } = this.#options;
    const slots: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (store.entriesIn(slot) > 0 && ownership.roleOf(slot) === NONE) slots.push(slot);
    }
    return slots;
  }
}
