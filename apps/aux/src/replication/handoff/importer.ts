import {
  decodeDigestReply,
  decodePullReply,
  decodeRememberedReply,
  encodeDigest,
  encodePull,
  encodeRemembered,
  type HybridClock,
  type DedupPage,
  sameDigest,
  SLOT_COMPARING,
  SLOT_BLOCKED,
  SLOT_IN_SYNC,
  SLOT_COMPLETE,
  SLOT_UNTRACED,
  SlotSet,
} from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { entryOf } from '../../node/entry.js';
import type { DedupTable } from '../../node/dedup-table.js';
import type { Ownership } from '../../node/ownership.js';
import type { Timers } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { Peers } from '../peers/peers.js';
import type { SlotLedger } from '../slots/slot-ledger.js';
import type { StaleCopies } from '../slots/stale-copies.js';

export interface ImporterOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly peers: Peers;
  readonly store: Store;
  readonly dedup: DedupTable;
  readonly clock: HybridClock;
  readonly timers: Timers;
  readonly staleCopies: StaleCopies;
  /** Whether a node has missed something of the slot that this node has, and has not heard of it. */
  readonly isBehindOn: (id: string, slot: number) => boolean;
  /** Calls back when all that was merged is on the disk. */
  readonly whenDurable: (done: (error: Error | undefined) => void) => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** @defaultValue 64 MiB/s */
  readonly bytesPerSecond?: number;
}

export const DEFAULT_IMPORT_BYTES_PER_SECOND = 64 * 2 ** 20;
const PAGE_BYTES = 256 * 1024;
const DIGEST_TIMEOUT_MS = 2000;
const PULL_TIMEOUT_MS = 2000;
const RETRY_PAUSE_MS = 100;
const MAX_SESSIONS = 4;
const NOTHING_REMEMBERED: DedupPage = { cursor: '0', operations: [], bytes: 0 };

/** One pass over what a source has. */
interface ImportSession {
  readonly slots: SlotSet;
  /** Of the view in which it began. */
  readonly epoch: number;
  /** Slots that the source has whole. */
  readonly complete: SlotSet;
  /** Slots of which the source cannot say yet what it has. */
  readonly blocked: SlotSet;
}

/**
 * Imports slots from the nodes that the ledger names as their sources: compares digests, pulls what differs page by
 * page, merges it; and takes what the source remembers of operations on the slots, so that a repeated attempt is
 * recognised here too. Every step can be repeated; a source that fails is tried again until the view drops it.
 */
export class Importer {
  bytesReceived = 0;
  entriesReceived = 0;
  operationsReceived = 0;
  readonly #options: ImporterOptions;
  readonly #sessions = new Set<string>();
  /** Slots of the sessions under way: a slot comes from one source, and from the others only what that one lacked. */
  readonly #busy = new SlotSet();
  /** Sources whose last session failed: the others come first. */
  readonly #failed = new Set<string>();
  #closed = false;

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** Imports whatever the ledger says is to be imported. Call after every change of it. */
  wake(): void {
    if (this.#closed) return;
    const { ledger } = this.#options;
    const bySource = [...ledger.bySource()].sort(
      ([a], [b]) => Number(this.#failed.has(a)) - Number(this.#failed.has(b)),
    );
    for (const [source, wanted] of bySource) {
      if (this.#sessions.size >= MAX_SESSIONS) return;
      if (this.#sessions.has(source)) continue;
      const slots = wanted.without(this.#busy);
      if (slots.isEmpty) continue;
      this.#sessions.add(source);
      this.#busy.addAll(slots);
      this.#compare(source, {
        slots,
        epoch: this.#options.ownership.epoch,
        complete: new SlotSet(),
        blocked: new SlotSet(),
      });
    }
  }

  close(): void {
    this.#closed = true;
  }

  #compare(source: string, session: ImportSession): void {
    const { slots } = session;
    const { ownership, ledger, peers, store, staleCopies, isBehindOn } = this.#options;
    const list = slots.toArray();
    const decode = (reply: unknown) => decodeDigestReply(reply, list.length);
    peers.send(source, encodeDigest(ownership.epoch, slots), decode, DIGEST_TIMEOUT_MS, (error, reply) => {
      if (this.#closed) return;
      if (error !== null) return this.#retry(source, session, error);
      const { digests, standings, sources } = reply;
      const ours = store.digests.ofAll(slots);
      const wanted = new SlotSet();
      const current = new SlotSet();
      const outdated = new SlotSet();
      list.forEach((slot, i) => {
        const standing = standings[i];
        if (standing === SLOT_BLOCKED) return session.blocked.add(slot);
        const isUntraced = standing === SLOT_UNTRACED;
        // What only this node has goes there first: it is not what was evicted there.
        if (isUntraced && isBehindOn(source, slot)) return session.blocked.add(slot);
        const isInSync = standing === SLOT_IN_SYNC || isUntraced;
        if (isInSync || standing === SLOT_COMPLETE) session.complete.add(slot);
        if (!isInSync) this.#addSources(slot, sources);
        if (sameDigest(digests, ours, i) || !ledger.isSource(slot, source)) return;
        wanted.add(slot);
        if (isInSync || standing === SLOT_COMPARING) current.add(slot);
        if (isUntraced && !store.lostTraces.has(slot)) outdated.add(slot);
      });
      if (wanted.isEmpty) return this.#remember(source, '0', session);
      staleCopies.markOwned(outdated);
      staleCopies.drop(current);
      this.#pull(source, wanted, '0', session);
    });
  }

  #pull(source: string, slots: SlotSet, cursor: string, session: ImportSession): void {
    const { ownership, peers, clock, store, ledger } = this.#options;
    const request = encodePull(ownership.epoch, slots, cursor, PAGE_BYTES);
    peers.send(source, request, decodePullReply, PULL_TIMEOUT_MS, (error, page) => {
      if (this.#closed) return;
      if (error !== null) return this.#retry(source, session, error);
      clock.observe(page.clock);
      for (const { key, value, version, expiresAt, kind } of page.entries) {
        const entry = entryOf(key, value, version, expiresAt, kind);
        if (ledger.isComparing(entry.slot)) store.repair(key, entry);
        else store.merge(key, entry);
      }
      const { bytes } = page;
      this.entriesReceived += page.entries.length;
      this.#options.whenDurable((failed) => {
        if (this.#closed) return;
        if (failed !== undefined) return this.#retry(source, session, undefined);
        if (page.cursor === '0') this.#paced(bytes, () => this.#remember(source, '0', session));
        else this.#paced(bytes, () => this.#pull(source, slots, page.cursor, session));
      });
    });
  }

  /** The last part of a session: the slots are imported when the operations on them are known. */
  #remember(source: string, cursor: string, session: ImportSession): void {
    const { ownership, peers, dedup } = this.#options;
    const { slots } = session;
    const request = encodeRemembered(ownership.epoch, slots, cursor, PAGE_BYTES);
    peers.send(source, request, decodeRememberedReply, PULL_TIMEOUT_MS, (error, reply) => {
      if (this.#closed) return;
      // In a rolling upgrade, a node of before that knows no such command: it is as if it remembered nothing.
      const isUnknown = error instanceof RespError && error.code === 'ERR';
      if (error !== null && !isUnknown) return this.#retry(source, session, error);
      const page = isUnknown ? NOTHING_REMEMBERED : reply;
      for (const operation of page.operations) dedup.merge(operation);
      this.operationsReceived += page.operations.length;
      if (page.cursor !== '0') return this.#paced(page.bytes, () => this.#remember(source, page.cursor, session));
      this.bytesReceived += page.bytes;
      for (const slot of slots.without(session.blocked)) this.#finish(slot, source, session);
      this.#end(source, session);
    });
  }

  /** Goes on as soon as the bytes just received allow it. */
  #paced(bytes: number, goOn: () => void): void {
    const { timers, bytesPerSecond = DEFAULT_IMPORT_BYTES_PER_SECOND } = this.#options;
    this.bytesReceived += bytes;
    timers.after((bytes * 1000) / bytesPerSecond, () => {
      if (!this.#closed) goOn();
    });
  }

  /** A source that imports itself may lack what its own sources have. */
  #addSources(slot: number, sources: readonly string[]): void {
    const { ownership, ledger } = this.#options;
    if (ledger.isInSync(slot)) return;
    for (const id of sources) {
      if (id !== ownership.selfId && ownership.member(id) !== undefined) ledger.addSource(slot, id);
    }
  }

  /** @param error what the source failed with; undefined when it was not the source */
  #retry(source: string, session: ImportSession, error: Error | undefined): void {
    const { peers, timers, random } = this.#options;
    if (error !== undefined && !(error instanceof RespError)) peers.suspect(source, error);
    this.#failed.add(source);
    timers.after(RETRY_PAUSE_MS * (0.5 + random()), () => this.#release(source, session.slots));
  }

  /** A slot whose owners have changed since the session began is imported again: an early page may be of before. */
  #finish(slot: number, source: string, session: ImportSession): void {
    const { ledger } = this.#options;
    if (ledger.changedAt[slot]! <= session.epoch) ledger.finish(slot, source, session.complete.has(slot));
  }

  #end(source: string, session: ImportSession): void {
    if (!session.blocked.isEmpty) return this.#retry(source, session, undefined);
    this.#failed.delete(source);
    this.#release(source, session.slots);
  }

  #release(source: string, slots: SlotSet): void {
    this.#sessions.delete(source);
    this.#busy.deleteAll(slots);
    this.wake();
  }
}
