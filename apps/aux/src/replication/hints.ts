import { SLOT_COUNT, slotOfBinary } from '@dcs/consistent-hash';
import type { Ownership } from '../node/ownership.js';
import type { Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';
import type { Peers } from './peers.js';
import { encodeEffect } from './replicator.js';

export interface HintsOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly store: Store;
  readonly timers: Timers;
  /** @defaultValue 500 */
  readonly intervalMs?: number;
  /** Most keys kept for others; beyond it this node stands in for nobody. @defaultValue 1_000_000 */
  readonly maxKeys?: number;
}

const DEFAULT_INTERVAL_MS = 500;
const DEFAULT_MAX_KEYS = 1_000_000;
const BATCH = 1000;
const SEND_TIMEOUT_MS = 1000;

/**
 * Keys whose entries this node took because an owner was silent (hinted handoff; DeCandia et al., "Dynamo", 2007).
 * They are given to the slot's owners as soon as all of them answer, and until then are not dropped.
 */
export class Hints {
  readonly #options: HintsOptions;
  readonly #keys = new Set<string>();
  readonly #perSlot = new Uint32Array(SLOT_COUNT);
  #cancel: (() => void) | undefined;
  #running = false;

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#keys.size;
  }

  get isFull(): boolean {
    return this.#keys.size >= (this.#options.maxKeys ?? DEFAULT_MAX_KEYS);
  }

  has(key: string): boolean {
    return this.#keys.size !== 0 && this.#keys.has(key);
  }

  /** Keys kept for others in a slot. */
  inSlot(slot: number): number {
    return this.#perSlot[slot]!;
  }

  add(key: string, slot: number): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    this.#perSlot[slot]!++;
    this.#schedule();
  }

  /** Gives what can be given now. */
  flush(): void {
    if (this.#running || this.#keys.size === 0) return;
    const { ownership, peers } = this.#options;
    this.#running = true;
    let outstanding = 1;
    let batch = BATCH;
    const settle = (): void => {
      if (--outstanding > 0) return;
      this.#running = false;
      this.#schedule();
    };
    for (const key of this.#keys) {
      const slot = slotOfBinary(key);
      const owners = ownership.table.ownersOf(slot).filter((id) => id !== ownership.selfId);
      if (owners.some((id) => peers.isSuspect(id))) continue;
      if (batch-- === 0) break;
      outstanding++;
      this.#give(key, slot, owners, settle);
    }
    settle();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#running = true;
  }

  #give(key: string, slot: number, owners: readonly string[], done: () => void): void {
    const { ownership, peers, store } = this.#options;
    const entry = store.lookup(key);
    let outstanding = 1;
    let failed = false;
    const settle = (): void => {
      if (--outstanding > 0) return;
      // A newer entry that came meanwhile came as a hint of its own.
      if (!failed && store.lookup(key) === entry) this.#remove(key, slot);
      done();
    };
    if (entry !== undefined) {
      const encoded = encodeEffect(ownership.epoch, { key, entry, operation: undefined });
      for (const id of owners) {
        outstanding++;
        peers.send(id, encoded, SEND_TIMEOUT_MS, (error) => {
          if (error !== null) failed = true;
          settle();
        });
      }
    }
    settle();
  }

  #remove(key: string, slot: number): void {
    if (this.#keys.delete(key)) this.#perSlot[slot]!--;
  }

  #schedule(): void {
    if (this.#keys.size === 0 || this.#running || this.#cancel !== undefined) return;
    const { timers, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
    this.#cancel = timers.after(intervalMs, () => {
      this.#cancel = undefined;
      this.flush();
      this.#schedule();
    });
  }
}
