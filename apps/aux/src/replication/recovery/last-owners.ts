import { replicationFactor, type View } from '@dcs/cluster-membership';
import { SlotTable } from '@dcs/consistent-hash';

/** Who owned each slot in any of some views: whoever may hold an entry that was acknowledged in one of them. */
export class LastOwners {
  readonly #tables: readonly SlotTable[];
  /** Of the first of the views. */
  readonly #incarnations: ReadonlyMap<string, number>;

  /** @param unstatedReplicas copies of a slot in views whose members state no number */
  constructor(views: readonly View[], unstatedReplicas: number) {
    this.#incarnations = new Map(views[0]?.members.map(({ id, incarnation }) => [id, incarnation]));
    this.#tables = views.map(({ members }) =>
      SlotTable.build(
        members.filter(({ state }) => state === 'up'),
        { replicas: replicationFactor(members, unstatedReplicas) },
      ),
    );
  }

  /** Whoever served in any of the views: one that was no owner may have stood in for one that was silent. */
  get members(): ReadonlySet<string> {
    return new Set(this.#tables.flatMap(({ members }) => members));
  }

  /** Whether a process owned the slot in the first of the views: it has had all of it, if it has lived on since. */
  ownedFirst(slot: number, id: string, incarnation: number): boolean {
    return this.#incarnations.get(id) === incarnation && this.#tables[0]!.isOwner(id, slot);
  }

  /** In no view more than R of them. */
  of(slot: number): ReadonlySet<string> {
    const owners = new Set<string>();
    for (const table of this.#tables) for (const id of table.ownersOf(slot)) owners.add(id);
    return owners;
  }
}
