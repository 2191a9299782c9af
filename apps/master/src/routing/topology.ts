import { type Member, replicationFactor, type View } from '@dcs/cluster-membership';
import { SLOT_COUNT, SlotTable } from '@dcs/consistent-hash';
import { type Connect, type NodeConnection, type ViewSource } from './ports.js';
import { type Health, type Suspicion } from './suspicion.js';

export interface Node {
  readonly member: Member;
  readonly connection: NodeConnection;
  readonly health: Health;
}

export interface TopologyOptions {
  readonly membership: ViewSource;
  /** Copies of a slot while no member states a number. */
  readonly replicas: number;
  readonly connect: Connect;
  readonly suspicion: Suspicion;
}

/**
 * The view turned into something to route by: the slot table of the members that are up, and one connection to each
 * member, opened and closed as views change.
 */
export class Topology {
  readonly #options: TopologyOptions;
  readonly #nodes = new Map<string, Node>();
  readonly #closing = new Set<Promise<void>>();
  readonly #onView = (view: View) => this.#adopt(view);
  #table = SlotTable.build([]);
  /** Of the slots asked for since the last view. */
  readonly #owners = new Array<readonly Node[] | undefined>(SLOT_COUNT);
  /** Slots with the same owners share one list, in the table and here. */
  readonly #lists = new Map<readonly string[], readonly Node[]>();
  #epoch = 0;
  #replicas = 0;
  #refreshing: Promise<void> | undefined;
  #closed = false;

  constructor(options: TopologyOptions) {
    this.#options = options;
    options.membership.on('view', this.#onView);
    this.#adopt(options.membership.view);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The replication factor in force: as many copies of a slot are wanted. */
  get replicas(): number {
    return this.#replicas;
  }

  get table(): SlotTable {
    return this.#table;
  }

  /** Members of every state, sorted by id. */
  get nodes(): readonly Node[] {
    return [...this.#nodes.values()].sort((a, b) => (a.member.id < b.member.id ? -1 : 1));
  }

  node(id: string): Node | undefined {
    return this.#nodes.get(id);
  }

  /** The primary first; empty while no member is up. O(1). */
  ownersOf(slot: number): readonly Node[] {
    return this.#owners[slot] ?? this.#resolve(slot);
  }

  /** The member that listens there; only members are ever connected to, whatever a reply names. */
  nodeAt(host: string, port: number): Node | undefined {
    for (const node of this.#nodes.values()) {
      if (node.member.dataPort === port && node.member.host === host) return node;
    }
    return undefined;
  }

  /** Reads the view again; calls share one read. Never rejects: without a registry the last view stays. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#options.membership
      .refresh()
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** Finishes what is in flight on every connection. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#options.membership.off('view', this.#onView);
      for (const node of this.#nodes.values()) this.#retire(node);
      this.#nodes.clear();
      this.#table = SlotTable.build([]);
      this.#forgetOwners();
    }
    await Promise.all(this.#closing);
  }

  #adopt(view: View): void {
    if (this.#closed) return;
    const seen = new Set<string>();
    for (const member of view.members) {
      seen.add(member.id);
      const known = this.#nodes.get(member.id);
      if (known && sameProcess(known.member, member)) {
        this.#nodes.set(member.id, { ...known, member });
      } else {
        if (known) this.#retire(known);
        const health: Health = { suspect: false, timeouts: 0 };
        this.#nodes.set(member.id, { member, connection: this.#options.connect(member), health });
      }
    }
    for (const [id, node] of this.#nodes) {
      if (seen.has(id)) continue;
      this.#nodes.delete(id);
      this.#retire(node);
    }
    const up = view.members.filter(({ state }) => state === 'up');
    this.#replicas = replicationFactor(up, this.#options.replicas);
    this.#table = SlotTable.build(
      up.map(({ id, weight, zone }) => ({ id, weight, zone })),
      { replicas: this.#replicas },
    );
    this.#forgetOwners();
    this.#epoch = view.epoch;
  }

  #forgetOwners(): void {
    this.#owners.fill(undefined);
    this.#lists.clear();
  }

  #resolve(slot: number): readonly Node[] {
    const ids = this.#table.ownersOf(slot);
    let nodes = this.#lists.get(ids);
    if (nodes === undefined) this.#lists.set(ids, (nodes = ids.map((id) => this.#nodes.get(id)!)));
    this.#owners[slot] = nodes;
    return nodes;
  }

  #retire({ connection, health }: Node): void {
    this.#options.suspicion.forget(health);
    const closing = connection.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function sameProcess(a: Member, b: Member): boolean {
  return a.incarnation === b.incarnation && a.host === b.host && a.dataPort === b.dataPort;
}
