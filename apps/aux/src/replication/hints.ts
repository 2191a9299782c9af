import { SLOT_COUNT, slotOfBinary } from '@dcs/consistent-hash';
import { decodeFetchReply, encodeMerge, encodeVouch } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import type { Entry } from '../node/entry.js';
import type { Ownership } from '../node/ownership.js';
import type { Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';
import type { Peers } from './peers.js';
import { isUnknownCommand } from './ports.js';
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

/** Who had an entry taken, and in which view. */
interface Hint {
  readonly sender: string;
  readonly epoch: number;
}

/**
 * Keys whose entries this node took because an owner was silent (hinted handoff; DeCandia et al., "Dynamo", 2007).
 * They are given to the slot's owners as soon as all of them answer, and until then are not dropped. What is given is what
 * the owner has by then that had the entry taken, as long as it lives: what it overwrote, and does not have any more
 * because that has expired, must not come back.
 */
export class Hints {
  readonly #options: HintsOptions;
  readonly #keys = new Map<string, Hint>();
  readonly #perSlot = new Uint32Array(SLOT_COUNT);
  /** Most hints are of the same sender and view as the one before. */
  #last: Hint = { sender: '', epoch: 0 };
  #cancel: (() => void) | undefined;
  #running = false;
  #closed = false;

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

  /** @param sender who had the entry taken, in the view of `epoch` */
  add(key: string, slot: number, sender: string, epoch: number): void {
    if (!this.#keys.has(key)) this.#perSlot[slot]!++;
    if (this.#last.sender !== sender || this.#last.epoch !== epoch) this.#last = { sender, epoch };
    this.#keys.set(key, this.#last);
    this.#schedule();
  }

  /** Gives what can be given now. */
  flush(): void {
    if (this.#closed || this.#running || this.#keys.size === 0) return;
    const { ownership, peers } = this.#options;
    this.#running = true;
    let outstanding = 1;
    let batch = BATCH;
    const settle = (): void => {
      if (--outstanding > 0) return;
      this.#running = false;
      this.#schedule();
    };
    for (const [key, hint] of this.#keys) {
      const slot = slotOfBinary(key);
      const owners = ownership.table.ownersOf(slot).filter((id) => id !== ownership.selfId);
      if (owners.some((id) => peers.isSuspect(id))) continue;
      if (batch-- === 0) break;
      outstanding++;
      if (owners.includes(hint.sender)) this.#giveFrom(hint, key, slot, owners, settle);
      else this.#giveOwn(key, slot, owners, settle);
    }
    settle();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#closed = true;
  }

  /** What the owner has that had the entry taken goes to the others. */
  #giveFrom({ sender, epoch }: Hint, key: string, slot: number, owners: readonly string[], done: () => void): void {
    const { ownership, peers, store } = this.#options;
    const held = store.lookup(key);
    peers.send(sender, encodeVouch(ownership.epoch, key, epoch), SEND_TIMEOUT_MS, (error, reply) => {
      if (error !== null && cannotVouch(error)) return this.#giveOwn(key, slot, owners, done);
      if (error !== null) return done();
      const { entry, sources } = decodeFetchReply(reply);
      if (sources.length > 0) return done(); // it may lack some itself
      if (entry !== undefined) {
        const others = owners.filter((owner) => owner !== sender);
        const encoded = encodeMerge(ownership.epoch, key, entry.header, entry.value, undefined);
        return this.#send(encoded, others, key, slot, held, done);
      }
      if (store.lookup(key) === held) {
        this.#remove(key, slot);
        store.drop(key);
      }
      done();
    });
  }

  #giveOwn(key: string, slot: number, owners: readonly string[], done: () => void): void {
    const { ownership, store } = this.#options;
    const entry = store.lookup(key);
    const encoded = entry === undefined ? '' : encodeEffect(ownership.epoch, { key, entry, operation: undefined });
    this.#send(encoded, entry === undefined ? [] : owners, key, slot, entry, done);
  }

  #send(
    encoded: string,
    to: readonly string[],
    key: string,
    slot: number,
    held: Entry | undefined,
    done: () => void,
  ): void {
    const { peers, store } = this.#options;
    let outstanding = 1;
    let failed = false;
    const settle = (): void => {
      if (--outstanding > 0) return;
      // A newer entry that came meanwhile came as a hint of its own.
      if (!failed && store.lookup(key) === held) this.#remove(key, slot);
      done();
    };
    for (const id of to) {
      outstanding++;
      peers.send(id, encoded, SEND_TIMEOUT_MS, (error) => {
        if (error !== null) failed = true;
        settle();
      });
    }
    settle();
  }

  #remove(key: string, slot: number): void {
    if (this.#keys.delete(key)) this.#perSlot[slot]!--;
  }

  #schedule(): void {
    if (this.#closed || this.#keys.size === 0 || this.#running || this.#cancel !== undefined) return;
    const { timers, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
    this.#cancel = timers.after(intervalMs, () => {
      this.#cancel = undefined;
      this.flush();
      this.#schedule();
    });
  }
}

/** It has begun anew since, or is of a version that does not know the question. */
function cannotVouch(error: Error): boolean {
  return (error instanceof RespError && error.code === 'STALE') || isUnknownCommand(error);
}
