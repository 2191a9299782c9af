import { replicationFactor, type View } from '@dcs/cluster-membership';
import { SLOT_COUNT, SlotTable } from '@dcs/consistent-hash';

/** What a node is for a slot. */
export const NONE = 0;
export const PRIMARY = 1;
export const REPLICA = 2;
export type Role = typeof NONE | typeof PRIMARY | typeof REPLICA;

type Member = View['members'][number];

/** Which slots this node owns, by the last view. */
export class Ownership {
  readonly selfId: string;
  readonly #unstatedReplicas: number;
  #replicas: number;
  readonly #roles = new Uint8Array(SLOT_COUNT);
  /** 1 for a slot that this node alone owns: every write asks, of any slot. */
  readonly #alone = new Uint8Array(SLOT_COUNT);
  #view: View = { epoch: 0, members: [] };
  #up: readonly Member[] = [];
  #byId = new Map<string, Member>();
  #table = SlotTable.build([]);
  #upKey = '';

  /** @param unstatedReplicas copies of a slot while no member that is up states a number */
  constructor(selfId: string, unstatedReplicas: number) {
    this.selfId = selfId;
    this.#unstatedReplicas = unstatedReplicas;
    this.#replicas = unstatedReplicas;
  }

  get view(): View {
    return this.#view;
  }

  get epoch(): number {
    return this.#view.epoch;
  }

  /** The replication factor in force: as many copies of a slot are wanted. */
  get replicas(): number {
    return this.#replicas;
  }

  get table(): SlotTable {
    return this.#table;
  }

  /** Members that own slots, sorted by id. */
  get up(): readonly Member[] {
    return this.#up;
  }

  /** This node as the view has it. */
  get self(): Member | undefined {
    return this.#byId.get(this.selfId);
  }

  /** Whether there is anybody to whom slots belong. */
  get known(): boolean {
    return this.#up.length > 0;
  }

  /**
   * Takes a view unless it is older than the last. The table is built anew only when who is up, or the replication
   * factor, has changed.
   */
  apply(view: View): void {
    if (view.epoch < this.#view.epoch) return;
    this.#view = view;
    this.#byId = new Map(view.members.map((member) => [member.id, member]));
    this.#up = view.members.filter(({ state }) => state === 'up');
    const replicas = replicationFactor(this.#up, this.#unstatedReplicas);
    this.#replicas = replicas;
    const upKey = JSON.stringify([replicas, this.#up.map(({ id, weight, zone }) => [id, weight, zone])]);
    if (upKey === this.#upKey) return;
    this.#upKey = upKey;
    this.#table = SlotTable.build(this.#up, { replicas });
    this.#roles.fill(NONE);
    for (const slot of this.#table.ownedSlots(this.selfId)) this.#roles[slot] = REPLICA;
    this.#alone.fill(0);
    for (const slot of this.#table.primarySlots(this.selfId)) {
      this.#roles[slot] = PRIMARY;
      if (this.#table.ownersOf(slot).length === 1) this.#alone[slot] = 1;
    }
  }

  roleOf(slot: number): Role {
    return this.#roles[slot] as Role;
  }

  /** Whether no other node is to have copies of a slot. */
  isAlone(slot: number): boolean {
    return this.#alone[slot] === 1;
  }

  primaryOf(slot: number): Member | undefined {
    const id = this.#table.primaryOf(slot);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  member(id: string): Member | undefined {
    return this.#byId.get(id);
  }
}
