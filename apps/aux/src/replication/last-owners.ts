import type { View } from '@dcs/cluster-membership';
import { SlotTable } from '@dcs/consistent-hash';

/** Who owned each slot in any of some views: whoever may hold an entry that was acknowledged in one of them. */
export class LastOwners {
  readonly #tables: readonly SlotTable[];

  constructor(views: readonly View[], replicas: number) {
    this.#tables = views.map(({ members }) =>
      SlotTable.build(
        members.filter(({ state }) => state === 'up'),
        { replicas },
      ),
    );
  }

  /** In no view more than R of them. */
  of(slot: number): ReadonlySet<string> {
    const owners = new Set<string>();
    for (const table of this.#tables) for (const id of table.ownersOf(slot)) owners.add(id);
    return owners;
  }
}
