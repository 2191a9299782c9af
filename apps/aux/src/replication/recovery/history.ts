import { decodeOk, encodeSync, SlotSet } from '@dcs/protocol';
import type { DiskIdentity } from '../../node/ports.js';
import type { Ownership } from '../../node/ownership.js';
import type { Store } from '../../node/store.js';
import type { Origin } from './origin.js';
import type { Origins } from './origins.js';
import type { Peers } from '../peers/peers.js';

export interface HistoryOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly store: Store;
  readonly origins: Origins;
  readonly now: () => number;
  /** It is another one now. */
  readonly onChange: () => void;
}

const SYNC_TIMEOUT_MS = 2000;
/** A large cluster is asked bit by bit. */
const MAX_ASKED_AT_ONCE = 8;
/** Digits of a time in ms until the year 33658, so that lineages sort by time. */
const TIME_DIGITS = 15;

/**
 * The unbroken history that this node's data belongs to. A disk of the history that others serve has nothing that they
 * do not have; one of another history is offered to them, and counts as theirs when all have taken it.
 */
export class History {
  readonly #options: HistoryOptions;
  #current: string | undefined;
  #isForeign = false;
  /** Who has been offered this disk, or says the same lineage, in the view of {@link #epoch}. */
  #offered = new Set<string>();
  #agreed = new Set<string>();
  readonly #asking = new Set<string>();
  #epoch = -1;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Undefined until it is decided. */
  get current(): string | undefined {
    return this.#current;
  }

  /** This disk has what the others may not: they have to take it before it counts as one of theirs. */
  get isForeign(): boolean {
    return this.#isForeign;
  }

  /** Others serve. */
  join(identity: DiskIdentity | undefined, serving: readonly Origin[]): void {
    const ids = serving.map(({ historyId }) => historyId ?? '').sort();
    this.#isForeign = identity !== undefined && ids.some((lineage) => lineage !== identity.historyId);
    this.#current = this.#isForeign ? identity!.historyId : ids.at(-1)!;
    this.#options.onChange();
  }

  /**
   * Nothing is blocked any more.
   * @param gaveUp slots were given up for lost: disks that come back later may have them
   */
  decide(identity: DiskIdentity | undefined, present: ReadonlyMap<string, Origin>, gaveUp: boolean): void {
    const { ownership, now } = this.#options;
    const known = [...present.values()].map((origin) => origin.historyId ?? origin.identity?.historyId ?? '').sort();
    const newest = this.#current ?? known.at(-1)!;
    this.#current = gaveUp || newest === '' ? newHistoryId(now(), ownership.selfId) : newest;
    this.#isForeign =
      identity !== undefined &&
      [...present].some(
        ([id, { recovering, historyId }]) =>
          id !== ownership.selfId && !recovering && historyId !== undefined && historyId !== this.#current,
      );
    this.#options.onChange();
  }

  /** Has the others take what a foreign disk has of their slots. To be repeated until it is not foreign any more. */
  offer(): void {
    const { ownership, peers, store } = this.#options;
    const { epoch } = ownership;
    this.#follow(epoch);
    const others = ownership.up.filter(({ id }) => id !== ownership.selfId);
    if (others.every(({ id }) => this.#offered.has(id))) {
      this.#isForeign = false;
      return;
    }
    for (const { id } of others) {
      if (this.#offered.has(id) || this.#asking.has(id)) continue;
      const slots = SlotSet.of([...ownership.table.ownedSlots(id)].filter((slot) => store.entriesIn(slot) > 0));
      this.#asking.add(id);
      peers.send(id, encodeSync(epoch, ownership.selfId, slots), decodeOk, SYNC_TIMEOUT_MS, (error) => {
        this.#asking.delete(id);
        if (error === null && this.#epoch === epoch) this.#offered.add(id);
      });
    }
  }

  /** The newest lineage is everybody's in the end: what it stands for has been merged by then. To be repeated. */
  agree(): void {
    const { ownership, origins, onChange } = this.#options;
    this.#follow(ownership.epoch);
    const others = ownership.up.filter(({ id }) => id !== ownership.selfId && !this.#agreed.has(id));
    for (const other of others.slice(0, MAX_ASKED_AT_ONCE)) {
      void origins.ask(other).then((origin) => {
        if (typeof origin !== 'object' || origin.recovering || origin.historyId === undefined) return;
        if (origin.historyId > (this.#current ?? '')) {
          this.#current = origin.historyId;
          this.#agreed = new Set(); // who said the same before has an older one
          onChange();
        } else if (origin.historyId === this.#current) {
          this.#agreed.add(other.id);
        }
      });
    }
  }

  #follow(epoch: number): void {
    if (this.#epoch === epoch) return;
    this.#epoch = epoch;
    this.#offered = new Set();
    this.#agreed = new Set();
  }
}

function newHistoryId(now: number, id: string): string {
  return `${String(Math.floor(now)).padStart(TIME_DIGITS, '0')}-${id}`;
}
