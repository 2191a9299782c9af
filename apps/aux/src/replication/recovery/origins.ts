import type { Member, View } from '@dcs/cluster-membership';
import { RespError } from '@dcs/resp';
import type { Ownership } from '../../node/ownership.js';
import { LastOwners } from './last-owners.js';
import { decodeOrigin, type Origin, ORIGIN_COMMAND } from './origin.js';
import type { Peers } from '../peers/peers.js';

export interface OriginsOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly replicas: number;
  readonly tombstoneRetentionMs: number;
  /** Of the nodes' disks: see `NodeDisk`. */
  readonly aliveAgeMs: number;
  /** What this node says of itself. */
  readonly own: () => Origin;
}

/** The cluster's life as it was last, by the disk that has seen the latest view. */
export interface LastState {
  readonly owners: LastOwners;
  /** Of the first of the latest views: a disk that has not seen it may not have had all of its slots by then. */
  readonly inSyncEpoch: number;
  readonly historyId: string | undefined;
}

const TIMEOUT_MS = 500;
/** Of a large cluster that starts, as many are asked once more at a time. */
const MAX_ASKED_AGAIN = 8;

/** What the members of the view have said of where their data comes from; asks them. */
export class Origins {
  readonly #options: OriginsOptions;
  readonly #known = new Map<string, Origin>();
  readonly #asking = new Set<string>();
  #last: { readonly views: readonly View[]; readonly owners: LastOwners } | undefined;

  constructor(options: OriginsOptions) {
    this.#options = options;
  }

  /** Settles within half a second: `dead` when nobody listens there, `silent` when it did not say. */
  ask({ id, incarnation }: Member): Promise<Origin | 'silent' | 'dead'> {
    const { peers } = this.#options;
    return new Promise((resolve) => {
      peers.send(id, ORIGIN_COMMAND, decodeOrigin, TIMEOUT_MS, (error, origin) => {
        if (error !== null) {
          if (!(error instanceof RespError)) peers.suspect(id, error);
          return resolve(peers.isRefusing(id) ? 'dead' : 'silent');
        }
        if (origin.incarnation !== incarnation) return resolve('silent');
        this.#known.delete(id); // the last that has said something is the last in order
        this.#known.set(id, origin);
        resolve(origin);
      });
    });
  }

  /**
   * Asks all that have not said yet that their disk is loaded; and again those that came with nothing and waited when they
   * were asked last, as they may serve by now.
   */
  askMissing(): void {
    const { ownership } = this.#options;
    for (const member of ownership.view.members) {
      if (member.id !== ownership.selfId && this.#known.get(member.id)?.loaded !== true) this.#askOnce(member);
    }
    let again = 0;
    for (const [id, { loaded, recovering, identity }] of this.#known) {
      const member = ownership.member(id);
      if (!loaded || !recovering || identity !== undefined || member === undefined) continue;
      this.#askOnce(member);
      if (++again === MAX_ASKED_AGAIN) break;
    }
  }

  #askOnce(member: Member): void {
    if (this.#asking.has(member.id)) return;
    this.#asking.add(member.id);
    void this.ask(member).then(() => this.#asking.delete(member.id));
  }

  /** Forgets what processes said that are gone. After every view. */
  retain(): void {
    const { ownership } = this.#options;
    for (const [id, { incarnation }] of this.#known) {
      if (ownership.member(id)?.incarnation !== incarnation) this.#known.delete(id);
    }
  }

  /** This node and those that have said what they have, all of it loaded. */
  present(): ReadonlyMap<string, Origin> {
    const { ownership, own } = this.#options;
    const present = new Map<string, Origin>([[ownership.selfId, own()]]);
    for (const [id, origin] of this.#known) {
      if (origin.loaded && ownership.member(id) !== undefined) present.set(id, origin);
    }
    return present;
  }

  /** It is there, and not done with its disk. */
  isLoading(id: string): boolean {
    return this.#known.get(id)?.loaded === false;
  }

  /**
   * Whom slots may be imported from that nobody is known to have whole: all that are present. One whose disk is too old
   * gives nothing of a slot before it has dropped that; what it has taken since counts.
   */
  sources(present: ReadonlyMap<string, Origin>): string[] {
    return [...present.keys()].filter((id) => id !== this.#options.ownership.selfId);
  }

  /**
   * Disks that ended before this may not know of deletes that the newest one has forgotten already, which may have lived
   * somewhat longer than it says.
   */
  oldestTrusted(): number {
    const { own, tombstoneRetentionMs, aliveAgeMs } = this.#options;
    let newest = own().identity?.aliveAt ?? -Infinity;
    for (const { identity } of this.#known.values()) newest = Math.max(newest, identity?.aliveAt ?? -Infinity);
    return newest + aliveAgeMs - tombstoneRetentionMs;
  }

  /**
   * Who owned slots last, by whoever has seen the latest view.
   * @param views that this node has seen since all was whole
   */
  lastOwners(views: readonly View[], present: ReadonlyMap<string, Origin>): LastState {
    const oldest = this.oldestTrusted();
    let latest = views;
    let historyId = this.#options.own().historyId ?? this.#options.own().identity?.historyId;
    for (const { identity } of present.values()) {
      if (identity === undefined || identity.aliveAt < oldest) continue;
      if ((identity.views.at(-1)?.epoch ?? 0) <= (latest.at(-1)?.epoch ?? 0)) continue;
      ({ views: latest, historyId } = identity);
    }
    if (this.#last?.views !== latest) {
      this.#last = { views: latest, owners: new LastOwners(latest, this.#options.replicas) };
    }
    return { owners: this.#last.owners, inSyncEpoch: latest[0]?.epoch ?? 0, historyId };
  }
}
