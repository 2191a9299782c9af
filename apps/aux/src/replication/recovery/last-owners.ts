import { replicationFactor, type View } from '@dcs/cluster-membership';
import { SlotTable } from '@dcs/consistent-hash';

/** Who owned each slot in any of some views: whoever may hold an entry that was acknowledged in one of them. */
export class LastOwners {
  readonly #tables: readonly SlotTable[];

  /** @param unstatedReplicas copies of a slot in views whose members state no number */
  constructor(views: readonly View[], unstatedReplicas: number) {
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

  /** In no view more than R of them. */
  of(slot: number): ReadonlySet<string> {
    const owners = new Set<string>();
    for (const table of this.#tables) for (const id of table.ownersOf(slot)) owners.add(id);
    return owners;
  }
}
