import { SLOT_COUNT } from '@dcs/consistent-hash';
import {
  decodeFetchReply,
  decodeOk,
  encodeHeader,
  encodeMerge,
  encodeVouch,
  type OperationRecord,
} from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import type { Entry } from '../../node/entry.js';
import type { Ownership } from '../../node/ownership.js';
import type { Timers } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { Peers } from '../peers/peers.js';
import { isUnknownCommand } from '../peers/peer-errors.js';
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

/** Of a counter so many operations are given to the owners, the last: more than are repeated at a time. */
const MAX_OPERATIONS = 8;
/** Most bytes of a counter as GET replies it. Of anything larger only the last operation matters: others do not add up. */
const MAX_COUNTER_BYTES = 24;

/** An entry that was taken: who had it taken, in which view, and with which operation. */
export interface TakenEntry {
  readonly entry: Entry;
  readonly sender: string;
  readonly epoch: number;
  readonly operation: OperationRecord | undefined;
}

interface Hint extends Omit<TakenEntry, 'operation'> {
  /** Of this entry and of those before it, oldest first: repeated at the owner, none may be done again. */
  readonly operations: readonly OperationRecord[];
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

  add(key: string, { operation, ...taken }: TakenEntry): void {
    const before = this.#keys.get(key);
    if (before === undefined) this.#perSlot[taken.entry.slot]!++;
    const known = (taken.entry.framed.length <= MAX_COUNTER_BYTES ? before?.operations : undefined) ?? [];
    const operations = operation === undefined ? known : [...known, operation].slice(-MAX_OPERATIONS);
    this.#keys.set(key, { ...taken, operations });
    this.#schedule();
  }

  /** Gives what can be given now. */
  flush(): void {
    if (this.#closed || this.#running || this.#keys.size === 0) return;
    const { ownership, peers, store } = this.#options;
    this.#running = true;
    let outstanding = 1;
    let batch = BATCH;
    const settle = (): void => {
      if (--outstanding > 0) return;
      this.#running = false;
      this.#schedule();
    };
    for (const [key, hint] of this.#keys) {
      if (store.lookup(key) !== hint.entry) {
        this.#remove(key, hint); // what has come since is this node's own, as an owner; or nothing is left
        continue;
      }
      const owners = ownership.table.ownersOf(hint.entry.slot).filter((id) => id !== ownership.selfId);
      if (owners.some((id) => peers.isSuspect(id))) continue;
      if (batch-- === 0) break;
      outstanding++;
      if (owners.includes(hint.sender)) this.#giveFrom(key, hint, owners, settle);
      else this.#giveOwn(key, hint, owners, settle);
    }
    settle();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#closed = true;
  }

  /** What the owner has that had the entry taken goes to the others. */
  #giveFrom(key: string, hint: Hint, owners: readonly string[], done: () => void): void {
    const { ownership, peers, store } = this.#options;
    const { sender } = hint;
    peers.send(
      sender,
      encodeVouch(ownership.epoch, key, hint.epoch),
      decodeFetchReply,
      SEND_TIMEOUT_MS,
      (error, reply) => {
        if (error !== null && cannotConfirm(error)) return this.#giveOwn(key, hint, owners, done);
        if (error !== null) return done();
        const { entry, sources } = reply;
        if (sources.length > 0) return done(); // it may lack some itself
        if (entry !== undefined) {
          const { value, version, expiresAt, kind } = entry;
          const header = encodeHeader(version, expiresAt, kind);
          const others = owners.filter((owner) => owner !== sender);
          const encode = (operation: OperationRecord | undefined): string =>
            encodeMerge(ownership.epoch, key, header, value, operation);
          return this.#send(encode, others, key, hint, done);
        }
        this.#remove(key, hint);
        if (store.lookup(key) === hint.entry) store.drop(key);
        done();
      },
    );
  }

  #giveOwn(key: string, hint: Hint, owners: readonly string[], done: () => void): void {
    const { epoch } = this.#options.ownership;
    const encode = (operation: OperationRecord | undefined): string =>
      encodeEffect(epoch, { key, entry: hint.entry, operation });
    this.#send(encode, owners, key, hint, done);
  }

  /** To all of `to`, once with each operation; the hint is done with when all have taken all of it. */
  #send(
    encode: (operation: OperationRecord | undefined) => string,
    to: readonly string[],
    key: string,
    hint: Hint,
    done: () => void,
  ): void {
    const { operations } = hint;
    const copies = operations.length === 0 ? [encode(undefined)] : operations.map(encode);
    let outstanding = 1;
    let failed = false;
    const settle = (): void => {
      if (--outstanding > 0) return;
      if (!failed) this.#remove(key, hint);
      done();
    };
    for (const id of to) {
      for (const encoded of copies) {
        outstanding++;
        this.#options.peers.send(id, encoded, decodeOk, SEND_TIMEOUT_MS, (error) => {
          if (error !== null) failed = true;
          settle();
        });
      }
    }
    settle();
  }

  /** Unless a newer one has taken its place meanwhile. */
  #remove(key: string, hint: Hint): void {
    if (this.#keys.get(key) !== hint) return;
    this.#keys.delete(key);
    this.#perSlot[hint.entry.slot]!--;
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
function cannotConfirm(error: Error): boolean {
  return (error instanceof RespError && error.code === 'STALE') || isUnknownCommand(error);
}
