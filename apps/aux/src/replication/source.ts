import { encodeHeader, encodeIds, formatVersion, type HybridClock, type SlotSet } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { type Entry, isTombstone } from '../node/entry.js';
import { NONE, type Ownership } from '../node/ownership.js';
import type { Store } from '../node/store.js';
import type { SlotLedger } from './slot-ledger.js';

const EMPTY_BULK = Reply.bulk('');
const SETTLED = '1'.charCodeAt(0);
/** Records looked at for one page: a page of a scan that finds little still ends soon. */
const PAGE_VISITS = 16_384;

export interface SourceOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly store: Store;
  readonly clock: HybridClock;
}

/**
 * What other nodes ask of this one when they import: all of it read-only and without state between requests, so that
 * any of it may be repeated.
 */
export class Source {
  readonly #options: SourceOptions;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** The reply to `DCS.FETCH`. */
  fetch(key: string, slot: number): string {
    const entry = this.#options.store.lookup(key);
    const sources = Reply.bulk(encodeIds(this.#options.ledger.sourcesOf(slot)));
    if (entry === undefined) return Reply.arrayHeader(3) + Reply.nil(2) + Reply.nil(2) + sources;
    return Reply.arrayHeader(3) + headerOf(entry) + valueOf(entry) + sources;
  }

  /** The reply to `DCS.DIGEST`. */
  digest(slots: SlotSet): string {
    const { ownership, ledger, store } = this.#options;
    const settled = Buffer.alloc(slots.size, '0');
    let at = 0;
    slots.forEach((slot) => {
      if (ledger.isSettled(slot) && ownership.roleOf(slot) !== NONE) settled[at] = SETTLED;
      at++;
    });
    const parts = [store.digests.ofAll(slots), settled.toString('latin1'), encodeIds(ledger.sourcesOfAny(slots))];
    return Reply.arrayHeader(3) + parts.map((part) => Reply.bulk(part)).join('');
  }

  /**
   * The reply to `DCS.PULL`: entries and tombstones of these slots from `cursor` on, about `maxBytes` of them.
   * `undefined` when the cursor is none of ours.
   */
  pull(slots: SlotSet, cursor: string, maxBytes: number): string | undefined {
    const { store, clock } = this.#options;
    let text = '';
    let count = 0;
    const next = store.scanAll(cursor, PAGE_VISITS, (key, entry) => {
      if (!slots.has(entry.slot)) return true;
      text += Reply.bulk(key) + headerOf(entry) + valueOf(entry);
      count++;
      return text.length < maxBytes;
    });
    if (next === undefined) return undefined;
    return Reply.arrayHeader(2 + count * 3) + Reply.bulk(next) + Reply.bulk(formatVersion(clock.last)) + text;
  }
}

function headerOf(entry: Entry): string {
  return Reply.bulk(encodeHeader(entry, entry.expiresAt, entry.kind));
}

function valueOf(entry: Entry): string {
  return isTombstone(entry) ? EMPTY_BULK : entry.framed;
}
