import { SLOT_COUNT, slotOfBinary } from '@dcs/consistent-hash';
import { encodeRemember, type RememberedOperation, SlotSet } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import type { OperationMemory } from '../node/operation-memory.js';
import type { Ownership } from '../node/ownership.js';
import type { Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';
import type { Peers } from './peers.js';
import { encodeEffect } from './replicator.js';

export interface HintsOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly store: Store;
  readonly memory: OperationMemory;
  readonly timers: Timers;
  /** @defaultValue 500 */
  readonly intervalMs?: number;
  /** Most keys kept for others; beyond it this node stands in for nobody. @defaultValue 1_000_000 */
  readonly maxKeys?: number;
}

const DEFAULT_INTERVAL_MS = 500;
const DEFAULT_MAX_KEYS = 1_000_000;
const BATCH = 1000;
const OPERATION_BATCH = 1000;
const SEND_TIMEOUT_MS = 1000;

/**
 * Keys whose entries this node took because an owner was silent (hinted handoff; DeCandia et al., "Dynamo", 2007).
 * They are given to the slot's owners as soon as all of them answer, and until then are not dropped; ahead of them what
 * this node remembers of the operations on their slots.
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
    const toGive: { readonly key: string; readonly slot: number; readonly owners: readonly string[] }[] = [];
    for (const key of this.#keys) {
      const slot = slotOfBinary(key);
      const owners = ownership.table.ownersOf(slot).filter((id) => id !== ownership.selfId);
      if (owners.some((id) => peers.isSuspect(id))) continue;
      if (batch-- === 0) break;
      toGive.push({ key, slot, owners });
    }
    const untold = this.#tell(SlotSet.of(toGive.map(({ slot }) => slot)));
    for (const { key, slot, owners } of toGive) {
      outstanding++;
      this.#give(key, slot, owners, untold, settle);
    }
    settle();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#running = true;
  }

  /**
   * Tells the owners of these slots of the operations on them. What is sent to them next comes after that. Returns the
   * owners that have not taken it, as far as that is known by then.
   */
  #tell(slots: SlotSet): ReadonlySet<string> {
    const { ownership, peers, memory } = this.#options;
    const failed = new Set<string>();
    if (slots.isEmpty) return failed;
    const byOwner = new Map<string, RememberedOperation[]>();
    const send = (owner: string, operations: readonly RememberedOperation[]): void => {
      peers.send(owner, encodeRemember(ownership.epoch, operations), SEND_TIMEOUT_MS, (error) => {
        // In a rolling upgrade, a node of before knows no such command.
        if (error !== null && !(error instanceof RespError && error.code === 'ERR')) failed.add(owner);
      });
    };
    memory.each(slots, (operation) => {
      for (const owner of ownership.table.ownersOf(operation.slot)) {
        if (owner === ownership.selfId) continue;
        const operations = byOwner.get(owner);
        if (operations === undefined) byOwner.set(owner, [operation]);
        else if (operations.push(operation) >= OPERATION_BATCH) send(owner, operations.splice(0));
      }
    });
    for (const [owner, operations] of byOwner) if (operations.length > 0) send(owner, operations);
    return failed;
  }

  #give(key: string, slot: number, owners: readonly string[], untold: ReadonlySet<string>, done: () => void): void {
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
          if (error !== null || untold.has(id)) failed = true;
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
