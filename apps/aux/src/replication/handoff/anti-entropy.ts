import { SLOT_COUNT } from '@dcs/consistent-hash';
import {
  decodeDigestReply,
  decodeOk,
  DIGEST_BYTES,
  encodeDigest,
  encodeSync,
  sameDigest,
  SLOT_IN_SYNC,
  SlotSet,
} from '@dcs/protocol';
import { type Ownership, PRIMARY } from '../../node/ownership.js';
import type { Timers } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { Peers } from '../peers/peers.js';
import type { SlotLedger } from '../slots/slot-ledger.js';
import { KnownDifferences } from './known-differences.js';

export interface AntiEntropyOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly peers: Peers;
  readonly store: Store;
  readonly timers: Timers;
  /** Now and then. */
  readonly onTurn: () => void;
  /** Slots of this node's that it is to import again, softly, from a peer. */
  readonly onDiffering: (peer: string, slots: SlotSet) => void;
  /** Pause between comparisons with one of the peers, in turn. @defaultValue 5000 */
  readonly intervalMs?: number;
}

export const DEFAULT_ANTI_ENTROPY_INTERVAL_MS = 5000;
const TIMEOUT_MS = 2000;
/** Part of the interval after which slots that differ are compared once more. */
const SECOND_LOOK = 0.2;
/** Pause before an owner that is not suspected is told what it missed. */
const TELL_PAUSE_MS = 250;

/**
 * Keeps the owners of a slot equal: remembers which owner missed which slot and has it compare when it answers again;
 * and, in turn with every peer, compares the digests of the slots that both own. Slots that differ, and still do at a
 * second look (writes under way make them differ for a moment), are exchanged both ways, unless that is known to change
 * nothing: see {@link KnownDifferences}.
 */
export class AntiEntropy {
  /** Slots found different. */
  differences = 0;
  readonly #options: AntiEntropyOptions;
  readonly #missed = new Map<string, SlotSet>();
  /** Who is just being told what it missed. */
  readonly #telling = new Set<string>();
  /** Of each peer the slots that this node is primary for and the peer a replica, in the present view. */
  readonly #shared = new Map<string, SlotSet>();
  readonly #known: KnownDifferences;
  #turn = 0;
  #cancel: (() => void) | undefined;
  #cancelSecondLook: (() => void) | undefined;
  #cancelTelling: (() => void) | undefined;
  #closed = false;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
    this.#known = new KnownDifferences((slot) => options.store.evictedFrom[slot]!);
  }

  start(): void {
    const { timers, intervalMs = DEFAULT_ANTI_ENTROPY_INTERVAL_MS } = this.#options;
    this.#cancel ??= timers.after(intervalMs, () => {
      this.#cancel = undefined;
      this.#options.onTurn();
      this.#compareNext();
      this.start();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#cancelSecondLook?.();
    this.#cancelSecondLook = undefined;
    this.#cancelTelling?.();
    this.#cancelTelling = undefined;
  }

  /** `owner` did not get an entry of this slot. */
  missed(owner: string, slot: number): void {
    let slots = this.#missed.get(owner);
    if (slots === undefined) this.#missed.set(owner, (slots = new SlotSet()));
    slots.add(slot);
    this.#tellLater();
  }

  /** It has missed something, and has not said that it knows. */
  isBehind(owner: string): boolean {
    return this.#missed.has(owner) || this.#telling.has(owner);
  }

  /** It has missed something of the slot, and has not said that it knows. */
  isBehindOn(owner: string, slot: number): boolean {
    return this.#missed.get(owner)?.has(slot) === true || this.#telling.has(owner);
  }

  /** It answers again: it is told what to compare. */
  healed(owner: string): void {
    const slots = this.#missed.get(owner);
    if (slots === undefined || this.#telling.has(owner)) return;
    this.#missed.delete(owner);
    this.#telling.add(owner);
    this.#tell(owner, slots, (error) => {
      this.#telling.delete(owner);
      if (error !== null) for (const slot of slots) this.missed(owner, slot);
    });
  }

  /** Takes a new view: nodes that left import anew when they return. */
  retain(alive: (id: string) => boolean): void {
    for (const id of this.#missed.keys()) if (!alive(id)) this.#missed.delete(id);
    this.#shared.clear();
    this.#known.clear();
  }

  /** Suspects are told when they are healed. */
  #tellLater(): void {
    if (this.#closed) return;
    const { timers, peers } = this.#options;
    this.#cancelTelling ??= timers.after(TELL_PAUSE_MS, () => {
      this.#cancelTelling = undefined;
      for (const owner of [...this.#missed.keys()]) if (!peers.isSuspect(owner)) this.healed(owner);
    });
  }

  #compareNext(): void {
    const { ownership, peers } = this.#options;
    const others = ownership.up.filter(({ id }) => id !== ownership.selfId && !peers.isSuspect(id));
    const peer = others[this.#turn++ % Math.max(others.length, 1)];
    if (peer === undefined) return;
    this.healed(peer.id);
    const due = this.#known.due(peer.id, this.#sharedSlots(peer.id));
    this.#compare(peer.id, due, (differing) => this.#lookAgain(peer.id, SlotSet.of(differing.keys())));
  }

  #sharedSlots(peer: string): SlotSet {
    const known = this.#shared.get(peer);
    if (known !== undefined) return known;
    const { ownership } = this.#options;
    const slots = new SlotSet();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (ownership.roleOf(slot) === PRIMARY && ownership.table.isOwner(peer, slot)) slots.add(slot);
    }
    this.#shared.set(peer, slots);
    return slots;
  }

  #lookAgain(peer: string, slots: SlotSet): void {
    const { timers, ownership, intervalMs = DEFAULT_ANTI_ENTROPY_INTERVAL_MS } = this.#options;
    const { epoch } = ownership;
    this.#cancelSecondLook?.();
    this.#cancelSecondLook = timers.after(intervalMs * SECOND_LOOK, () => {
      this.#cancelSecondLook = undefined;
      if (epoch !== ownership.epoch) return;
      this.#compare(peer, slots, (lasting) => {
        this.differences += lasting.size;
        const differing = SlotSet.of(lasting.keys());
        this.#options.onDiffering(peer, differing);
        this.#tell(peer, differing, (error) => {
          if (error !== null || epoch !== ownership.epoch) return;
          for (const [slot, digests] of lasting) this.#known.exchanged(peer, slot, digests);
        });
      });
    });
  }

  /** @param onDiffering is given those of the slots, in sync at both, that differ, with both digests, if there are any */
  #compare(peer: string, shared: SlotSet, onDiffering: (slots: ReadonlyMap<number, string>) => void): void {
    const { ownership, ledger, peers, store } = this.#options;
    const slots = shared.without(ledger.unsyncedSlots());
    if (slots.isEmpty) return;
    const { epoch } = ownership;
    const decode = (reply: unknown) => decodeDigestReply(reply, slots.size);
    peers.send(peer, encodeDigest(epoch, slots), decode, TIMEOUT_MS, (error, reply) => {
      if (error !== null || epoch !== ownership.epoch || this.#closed) return;
      const { digests, standings } = reply;
      const ours = store.digests.ofAll(slots);
      if (digests === ours) return;
      const differing = new Map<number, string>();
      slots.toArray().forEach((slot, i) => {
        if (standings[i] !== SLOT_IN_SYNC || sameDigest(digests, ours, i)) return;
        const [from, to] = [i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES];
        const both = ours.slice(from, to) + digests.slice(from, to);
        if (!this.#known.isKnown(peer, slot, both)) differing.set(slot, both);
      });
      if (differing.size > 0) onDiffering(differing);
    });
  }

  #tell(peer: string, slots: SlotSet, done: (error: Error | null) => void): void {
    const { ownership, peers } = this.#options;
    peers.send(peer, encodeSync(ownership.epoch, ownership.selfId, slots), decodeOk, TIMEOUT_MS, done);
  }
}
