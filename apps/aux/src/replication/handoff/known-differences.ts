import { SLOT_COUNT } from '@dcs/consistent-hash';
import { SlotSet } from '@dcs/protocol';

/** Comparisons with a peer of which one takes in the slots that this node evicts from. */
const EVICTED_ROUNDS = 60;
/** Comparisons with a peer after which it is forgotten what an exchange left different. */
const FORGET_ROUNDS = 720;

interface PeerRecord {
  rounds: number;
  /** Evictions from each slot up to the last round that took in all slots. */
  readonly evictions: Uint32Array;
  /** Both digests of slots that an exchange could not make equal, by slot. */
  readonly exchanged: Map<number, string>;
}

/**
 * Differences between the owners of a slot that are no fault. Eviction is each node's own, so owners whose memory is full
 * hold different keys, and repair does not evict for what was evicted (see `Store.repair`): comparing them again and again
 * would move entries about for ever. So slots that this node has evicted from are compared rarely, and a difference that
 * an exchange has left is left alone while both sides stay as they are.
 */
export class KnownDifferences {
  readonly #evictionsOf: (slot: number) => number;
  readonly #peers = new Map<string, PeerRecord>();

  /** @param evictionsOf entries that this node has evicted from a slot, ever */
  constructor(evictionsOf: (slot: number) => number) {
    this.#evictionsOf = evictionsOf;
  }

  /** Begins a comparison with a peer. Returns those of the slots that are to be compared. */
  due(peer: string, slots: SlotSet): SlotSet {
    const record = this.#record(peer);
    record.rounds++;
    if (record.rounds % FORGET_ROUNDS === 0) record.exchanged.clear();
    const all = record.rounds % EVICTED_ROUNDS === 0;
    const due = new SlotSet();
    for (const slot of slots) {
      const evictions = this.#evictionsOf(slot);
      if (all) record.evictions[slot] = evictions;
      if (record.evictions[slot] === evictions) due.add(slot);
    }
    return due;
  }

  /** Whether an exchange has left the slot so. @param digests this node's and the peer's */
  isKnown(peer: string, slot: number, digests: string): boolean {
    return this.#peers.get(peer)?.exchanged.get(slot) === digests;
  }

  /** The peer and this node exchange what they have of the slot, whose digests are these. */
  exchanged(peer: string, slot: number, digests: string): void {
    this.#record(peer).exchanged.set(slot, digests);
  }

  /** Forgets everything: in a new view the owners are others, or other processes. */
  clear(): void {
    this.#peers.clear();
  }

  #record(peer: string): PeerRecord {
    let record = this.#peers.get(peer);
    if (record === undefined) {
      record = { rounds: 0, evictions: new Uint32Array(SLOT_COUNT), exchanged: new Map() };
      this.#peers.set(peer, record);
    }
    return record;
  }
}
