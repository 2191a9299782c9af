import {
  type CopiedEntry,
  decodeDigestReply,
  decodeHeader,
  decodePullReply,
  DIGEST_BYTES,
  encodeDigest,
  encodePull,
  type HybridClock,
  parseVersion,
  SlotSet,
} from '@dcs/protocol';
import { entryOf } from '../node/entry.js';
import type { Ownership } from '../node/ownership.js';
import type { Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';
import type { Peers } from './peers.js';
import type { SlotLedger } from './slot-ledger.js';
import type { StaleCopies } from './stale-copies.js';

export interface ImporterOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly peers: Peers;
  readonly store: Store;
  readonly clock: HybridClock;
  readonly timers: Timers;
  readonly staleCopies: StaleCopies;
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

/**
 * Imports slots from the nodes that the ledger names as their sources: compares digests, pulls what differs page by
 * page, merges it. Every step can be repeated; a source that fails is tried again until the view drops it.
 */
export class Importer {
  bytesReceived = 0;
  entriesReceived = 0;
  readonly #options: ImporterOptions;
  readonly #sessions = new Set<string>();
  #closed = false;

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** Imports whatever the ledger says is to be imported. Call after every change of it. */
  wake(): void {
    if (this.#closed) return;
    for (const [source, slots] of this.#options.ledger.bySource()) {
      if (this.#sessions.size >= MAX_SESSIONS) return;
      if (this.#sessions.has(source)) continue;
      this.#sessions.add(source);
      this.#compare(source, slots);
    }
  }

  close(): void {
    this.#closed = true;
  }

  #compare(source: string, slots: SlotSet): void {
    const { ownership, ledger, peers, store } = this.#options;
    const list = [...slots];
    peers.send(source, encodeDigest(ownership.epoch, slots), DIGEST_TIMEOUT_MS, (error, reply) => {
      if (this.#closed) return;
      if (error !== null) return this.#retry(source, error);
      const { digests, settled, sources } = decodeDigestReply(reply, list.length);
      const differing: number[] = [];
      const whole = new SlotSet();
      list.forEach((slot, i) => {
        if (settled[i] === '1') whole.add(slot);
        else this.#addSources(slot, sources);
        const theirs = digests.slice(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
        if (theirs === store.digests.of(slot)) ledger.finish(slot, source);
        else differing.push(slot);
      });
      if (differing.length === 0) return this.#end(source);
      const wanted = SlotSet.of(differing.filter((slot) => ledger.sourcesOf(slot)?.has(source)));
      this.#options.staleCopies.drop(SlotSet.of([...wanted].filter((slot) => whole.has(slot))));
      this.#pull(source, wanted, '0');
    });
  }

  #pull(source: string, slots: SlotSet, cursor: string): void {
    const { ownership, ledger, peers, clock, timers, bytesPerSecond = DEFAULT_IMPORT_BYTES_PER_SECOND } = this.#options;
    peers.send(source, encodePull(ownership.epoch, slots, cursor, PAGE_BYTES), PULL_TIMEOUT_MS, (error, reply) => {
      if (this.#closed) return;
      if (error !== null) return this.#retry(source, error);
      const page = decodePullReply(reply);
      clock.observe(parseVersion(page.clock));
      let bytes = 0;
      for (const copied of page.entries) bytes += this.#merge(copied);
      this.bytesReceived += bytes;
      this.entriesReceived += page.entries.length;
      if (page.cursor === '0') {
        for (const slot of slots) ledger.finish(slot, source);
        this.#end(source);
      } else {
        timers.after((bytes * 1000) / bytesPerSecond, () => {
          if (this.#closed) return;
          this.#pull(source, slots, page.cursor);
        });
      }
    });
  }

  #merge({ key, header, value }: CopiedEntry): number {
    const { version, expiresAt, kind } = decodeHeader(header);
    this.#options.store.merge(key, entryOf(key, value, version, expiresAt, kind));
    return key.length + header.length + value.length;
  }

  /** A source that imports itself may lack what its own sources have. */
  #addSources(slot: number, sources: readonly string[]): void {
    const { ownership, ledger } = this.#options;
    if (ledger.isSettled(slot)) return;
    for (const id of sources) {
      if (id !== ownership.selfId && ownership.member(id) !== undefined) ledger.addSource(slot, id);
    }
  }

  #retry(source: string, error: Error): void {
    const { peers, timers, random } = this.#options;
    peers.suspect(source, error);
    timers.after(RETRY_PAUSE_MS * (0.5 + random()), () => this.#end(source));
  }

  #end(source: string): void {
    this.#sessions.delete(source);
    this.wake();
  }
}
