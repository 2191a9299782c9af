import {
  encodeHeader,
  encodeIds,
  formatVersion,
  type HybridClock,
  SLOT_HELD,
  SLOT_PARTIAL,
  SLOT_SETTLED,
  SLOT_WHOLE,
  type SlotSet,
} from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { type Entry, isTombstone } from '../node/entry.js';
import { NONE, type Ownership } from '../node/ownership.js';
import type { Store } from '../node/store.js';
import type { SlotLedger } from './slot-ledger.js';

const EMPTY_BULK = Reply.bulk('');
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

  /** The reply to `DCS.FETCH`; `undefined` while nothing can be said of the key. One that names itself may lack some. */
  fetch(key: string, slot: number): string | undefined {
    const { ledger, ownership, store } = this.#options;
    const entry = store.lookup(key);
    if (entry === undefined && ledger.isHeld(slot)) return undefined;
    const named = [...ledger.sourcesToName(slot)];
    if (!ledger.isWhole(slot)) named.push(ownership.selfId);
    const sources = Reply.bulk(encodeIds(named));
    if (entry === undefined) return Reply.arrayHeader(3) + Reply.nil(2) + Reply.nil(2) + sources;
    return Reply.arrayHeader(3) + headerOf(entry) + valueOf(entry) + sources;
  }

  /** The reply to `DCS.DIGEST`. */
  digest(slots: SlotSet): string {
    const { ledger, store } = this.#options;
    let standings = '';
    slots.forEach((slot) => (standings += this.#standing(slot)));
    const parts = [store.digests.ofAll(slots), standings, encodeIds(ledger.sourcesToNameOfAny(slots))];
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

  #standing(slot: number): string {
    const { ownership, ledger } = this.#options;
    if (ledger.isHeld(slot)) return SLOT_HELD;
    if (!ledger.isSettled(slot)) return SLOT_PARTIAL;
    if (ownership.roleOf(slot) !== NONE) return SLOT_SETTLED;
    return ledger.isWhole(slot) ? SLOT_WHOLE : SLOT_PARTIAL;
  }
}

function headerOf(entry: Entry): string {
  return Reply.bulk(encodeHeader(entry, entry.expiresAt, entry.kind));
}

function valueOf(entry: Entry): string {
  return isTombstone(entry) ? EMPTY_BULK : entry.framed;
}
