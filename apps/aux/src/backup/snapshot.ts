import { SLOT_COUNT, type SlotTable } from '@dcs/consistent-hash';
import { SlotSet, type Version } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import { type Ownership, PRIMARY } from '../node/ownership.js';
import type { Store } from '../node/store.js';
import type { SlotLedger } from '../replication/slots/slot-ledger.js';
import type { Breather } from './breather.js';
import { BackupError } from './errors.js';
import { isExpired } from './record.js';

/** What of a node is read. */
export interface SnapshotSource {
  readonly ownership: Ownership;
  readonly store: Store;
  readonly ledger: Pick<SlotLedger, 'isComplete'>;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
}

/** Who takes what is read. */
export interface SnapshotSink {
  add(key: string, entry: Entry): void;
  readonly isBehind: boolean;
  drained(): Promise<void>;
}

/** Records that are looked at before the clock is. */
const VISITS = 64;

/**
 * The entries and tombstones of the slots that a node is primary of, read while they change: what was acknowledged
 * before it began is in it, or something newer of the same key.
 */
export class Snapshot {
  /** Of the view at the beginning. */
  readonly epoch: number;
  readonly #source: SnapshotSource;
  readonly #primary = new SlotSet();
  /** Of these, those that the node had whole, and that have been this node's ever since. */
  readonly #whole = new SlotSet();
  readonly #floor: Version;
  #table: SlotTable;

  constructor(source: SnapshotSource) {
    const { ownership, ledger, store } = source;
    this.#source = source;
    this.epoch = ownership.epoch;
    this.#floor = store.floor;
    this.#table = ownership.table;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (ownership.roleOf(slot) !== PRIMARY) continue;
      this.#primary.add(slot);
      if (ledger.isComplete(slot)) this.#whole.add(slot);
    }
  }

  /** Slots that this node was primary of. */
  get slots(): number {
    return this.#primary.size;
  }

  /** Whether there is any slot of which this node has all. */
  get isWorthWriting(): boolean {
    return !this.#whole.isEmpty;
  }

  /**
   * Reads all of it, in slices.
   * @throws BackupError ERR_BACKUP_FLUSHED, ERR_BACKUP_CLOSED; what the sink says
   */
  async writeTo(sink: SnapshotSink, breather: Breather, isClosed: () => boolean): Promise<void> {
    const { store, now } = this.#source;
    let cursor = '0';
    const keys: string[] = [];
    const entries: Entry[] = [];
    do {
      keys.length = entries.length = 0;
      cursor = store.scanAll(cursor, VISITS, (key, entry) => {
        if (this.#primary.has(entry.slot)) {
          keys.push(key);
          entries.push(entry);
        }
        return true;
      })!;
      for (let i = 0; i < keys.length; i++) {
        if (!isExpired(entries[i]!, now())) sink.add(keys[i]!, entries[i]!);
        if (sink.isBehind) await sink.drained();
        if (breather.isDue) await breather.pause();
        this.#watch();
        if (isClosed()) throw new BackupError('ERR_BACKUP_CLOSED', 'the node is closing');
      }
      if (breather.isDue) await breather.pause();
    } while (cursor !== '0');
    if (store.floor !== this.#floor) {
      throw new BackupError('ERR_BACKUP_FLUSHED', 'the store was flushed while it was backed up');
    }
  }

  /** The slots that were this node's from the beginning until now: of these, all is in what was read. */
  covered(): SlotSet {
    this.#drop();
    return this.#whole;
  }

  /** Notices what is lost in one view, even if the next one brings it back. */
  #watch(): void {
    if (this.#table === this.#source.ownership.table) return;
    this.#table = this.#source.ownership.table;
    this.#drop();
  }

  #drop(): void {
    const { ownership, ledger } = this.#source;
    for (const slot of this.#whole) {
      if (ownership.roleOf(slot) !== PRIMARY || !ledger.isComplete(slot)) this.#whole.delete(slot);
    }
  }
}
