import { replicationFactor, type View } from '@dcs/cluster-membership';
import { SlotTable } from '@dcs/consistent-hash';
import type { HybridClock } from '@dcs/protocol';
import type { DedupTable } from '../../node/dedup-table.js';
import type { Ownership } from '../../node/ownership.js';
import type { NodeDisk } from '../../node/ports.js';
import type { SlotLedger } from './slot-ledger.js';
import type { StaleCopies } from './stale-copies.js';

export interface ViewChangesOptions {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly dedup: DedupTable;
  readonly clock: HybridClock;
  readonly staleCopies: StaleCopies;
  /** Copies of a slot while no member states a number. */
  readonly replicas: number;
  readonly disk: NodeDisk | undefined;
  /** What is here may be all there is: nothing of it counts as old. */
  readonly keepsAll: () => boolean;
}

/** What a new view means for this node: which slots are new here, from whom it has to import them, and what is old. */
export class ViewChanges {
  readonly #options: ViewChangesOptions;
  #readmitted = false;
  #beganAt = 0;

  constructor(options: ViewChangesOptions) {
    this.#options = options;
    if (options.disk?.identity !== undefined) options.dedup.loseAll();
  }

  /** Epoch of the view in which this node last began to own slots: as a new process, or after it was expelled. */
  get beganAt(): number {
    return this.#beganAt;
  }

  /** It was expelled, and no view has it yet. */
  get isReadmitted(): boolean {
    return this.#readmitted;
  }

  /** The registry had expelled this node: in the next view that has it, it begins anew. */
  readmitted(): void {
    this.#readmitted = true;
  }

  /**
   * Takes a view that is no older than the last.
   * @returns slots that are new here, of whose owners before none is in the view any more
   */
  apply(view: View): number[] {
    const { ownership, staleCopies, clock, keepsAll } = this.#options;
    const previous = ownership.table;
    const incarnations = new Map(ownership.up.map(({ id, incarnation }) => [id, incarnation]));
    this.#forget(view);
    ownership.apply(view);
    const before = this.#ownersBefore(previous);
    let ownerless: number[] = [];
    if (before !== ownership.table) {
      const lives = (id: string): boolean => {
        const member = ownership.member(id);
        return member !== undefined && (incarnations.get(id) ?? member.incarnation) === member.incarnation;
      };
      const gained = this.#reown(before, view.epoch, lives);
      if (!keepsAll()) staleCopies.mark(gained, clock.last);
      ownerless = gained.filter((slot) => {
        const owners = before.ownersOf(slot);
        return owners.length > 0 && owners.every((id) => ownership.member(id) === undefined);
      });
    }
    this.#restarted(incarnations, view.epoch);
    return ownerless;
  }

  /**
   * A node that has begun anew with its disk may have on it what its former process did and copied to nobody; that it
   * did it, nobody remembers.
   */
  #forget({ members }: View): void {
    const { disk, dedup, ownership } = this.#options;
    if (disk === undefined) return; // nor have the others one, or what is not remembered has not happened
    const isAnother = members.some(({ id, incarnation }) => {
      const before = ownership.member(id);
      return before !== undefined && before.incarnation !== incarnation;
    });
    if (isAnother) dedup.loseAll();
  }

  /**
   * The owners that slots had before the view just applied, as far as this node is concerned: for one that was not in,
   * or was out meanwhile, those of the same members without it.
   */
  #ownersBefore(previous: SlotTable): SlotTable {
    const { ownership, replicas } = this.#options;
    if (!ownership.table.members.includes(ownership.selfId)) return previous;
    if (previous.members.includes(ownership.selfId) && !this.#readmitted) return previous;
    this.#readmitted = false;
    this.#beganAt = ownership.epoch;
    const others = ownership.up.filter(({ id }) => id !== ownership.selfId);
    return SlotTable.build(others, { replicas: replicationFactor(others, replicas) });
  }

  /**
   * An owner that is another process than before was out in between, in a view that this node may not have seen: what
   * senders with that view took for the slot's owners were others.
   */
  #restarted(incarnations: ReadonlyMap<string, number>, epoch: number): void {
    const { ledger, ownership } = this.#options;
    for (const { id, incarnation } of ownership.up) {
      const before = incarnations.get(id);
      if (before === undefined || before === incarnation) continue;
      for (const slot of ownership.table.ownedSlots(id)) ledger.changedAt[slot] = epoch;
    }
  }

  /**
   * Returns the slots that are new here.
   * @param lives whether a node is the same process as before
   */
  #reown(before: SlotTable, epoch: number, lives: (id: string) => boolean): number[] {
    const { ledger, staleCopies, ownership } = this.#options;
    const { selfId, table } = ownership;
    const gained: number[] = [];
    for (const slot of table.changedSlots(before)) {
      const was = before.ownersOf(slot);
      const is = table.ownersOf(slot);
      const primary = was[0];
      ledger.changedAt[slot] = epoch;
      if (!is.includes(selfId)) {
        ledger.abandon(slot);
        staleCopies.unmark(slot);
      } else if (!was.includes(selfId)) {
        gained.push(slot);
        if (ledger.isBlocked(slot)) continue; // begun when it is released
        // An owner that is another process now may have an old disk; one that lived on has, or names, all there is.
        const living = was.filter(lives);
        ledger.begin(slot, living.length > 0 ? living : was);
        for (const id of is) if (id !== selfId) ledger.require(slot, id);
      } else if (is[0] === selfId && primary !== undefined && primary !== selfId && lives(primary)) {
        // What it has done and not copied yet comes before all that is done here; once asked, it does no more.
        ledger.ask(slot, primary);
      }
    }
    return gained;
  }
}
