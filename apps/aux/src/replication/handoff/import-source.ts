import {
  encodeHeader,
  encodeIds,
  encodeDedupRecord,
  encodeResult,
  formatVersion,
  type HybridClock,
  type RepeatedOperation,
  SLOT_COMPARING,
  SLOT_BLOCKED,
  SLOT_INCOMPLETE,
  SLOT_IN_SYNC,
  SLOT_COMPLETE,
  SLOT_UNTRACED,
  type SlotSet,
} from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { type Entry, isTombstone } from '../../node/entry.js';
import type { DedupTable } from '../../node/dedup-table.js';
import { NONE, type Ownership } from '../../node/ownership.js';
import type { Store } from '../../node/store.js';
import type { SlotLedger } from '../slots/slot-ledger.js';

const EMPTY_BULK = Reply.bulk('');
/** Records looked at for one page: a page of a scan that finds little still ends soon. */
const PAGE_VISITS = 16_384;
/** The same for records of operations, which lie in one array. */
const OPERATION_PAGE_VISITS = 65_536;

export interface ImportSourceOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly store: Store;
  readonly clock: HybridClock;
  readonly dedup: DedupTable;
}

/**
 * What other nodes ask of this one when they import: all of it read-only and without state between requests, so that
 * any of it may be repeated.
 */
export class ImportSource {
  readonly #options: ImportSourceOptions;

  constructor(options: ImportSourceOptions) {
    this.#options = options;
  }

  /** The reply to `DCS.FETCH`; `undefined` while nothing can be said of the key. One that names itself may lack some. */
  fetch(key: string, slot: number, operation: RepeatedOperation | undefined): string | undefined {
    const { ledger, dedup, ownership, store } = this.#options;
    if (ledger.isBlocked(slot)) return undefined; // what the disk has of it may have to go
    const entry = store.lookup(key) ?? store.traceOfAbsent(slot);
    const fields = entry === undefined ? Reply.nil(2) + Reply.nil(2) : headerOf(entry) + valueOf(entry);
    const named = ledger.sourcesToName(slot);
    if (!ledger.isComplete(slot)) named.push(ownership.selfId);
    const sources = Reply.bulk(encodeIds(named));
    if (operation === undefined) return Reply.arrayHeader(3) + fields + sources;
    return Reply.arrayHeader(4) + fields + sources + Reply.bulk(encodeResult(dedup.find(operation, key, slot)));
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
    const { ownership, ledger, store } = this.#options;
    if (ledger.isBlocked(slot)) return SLOT_BLOCKED;
    const isOwner = ownership.roleOf(slot) !== NONE;
    if (!ledger.isInSync(slot)) return isOwner && ledger.isComparing(slot) ? SLOT_COMPARING : SLOT_INCOMPLETE;
    if (isOwner) return store.lostTraces.has(slot) ? SLOT_UNTRACED : SLOT_IN_SYNC;
    return ledger.isComplete(slot) ? SLOT_COMPLETE : SLOT_INCOMPLETE;
  }

  /** The reply to `DCS.REMEMBERED`; `undefined` when the cursor is none of ours. */
  remembered(slots: SlotSet, cursor: string, maxBytes: number): string | undefined {
    let text = '';
    let count = 0;
    const next = this.#options.dedup.scan(slots, cursor, OPERATION_PAGE_VISITS, (operation) => {
      for (const part of encodeDedupRecord(operation)) text += Reply.bulk(part);
      count++;
      return text.length < maxBytes;
    });
    return next === undefined ? undefined : Reply.arrayHeader(1 + count * 3) + Reply.bulk(next) + text;
  }
}

function headerOf(entry: Entry): string {
  return Reply.bulk(encodeHeader(entry, entry.expiresAt, entry.kind));
}

function valueOf(entry: Entry): string {
  return isTombstone(entry) ? EMPTY_BULK : entry.framed;
}
