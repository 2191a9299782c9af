import type { Ownership } from '../../node/ownership.js';
import type { Peers } from '../peers/peers.js';

/** How long a primary acknowledges nothing that a replica lacks to which it has given its word, ms. */
export const GRANT_MS = 500;

export interface ReadGrantsOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** It lacks writes, and has not heard of all of them yet. */
  readonly isBehind: (id: string) => boolean;
  /** One that is behind has asked: it is to hear what it lacks. */
  readonly tell: (id: string) => void;
}

/** The replicas that a primary has let answer reads: a write that one of them lacks is acknowledged when that is over. */
export class ReadGrants {
  readonly #options: ReadGrantsOptions;
  readonly #grants = new Map<string, { readonly epoch: number; readonly until: number }>();

  constructor(options: ReadGrantsOptions) {
    this.#options = options;
  }

  /** @returns false: it is behind, or no member of the view */
  give(id: string): boolean {
    const { ownership, monotonic, isBehind, tell } = this.#options;
    if (ownership.member(id) === undefined) return false;
    if (isBehind(id)) {
      tell(id);
      return false;
    }
    this.#grants.set(id, { epoch: ownership.epoch, until: monotonic() + GRANT_MS });
    return true;
  }

  /** How long, in ms, one that is none of `holders` may still answer reads of a slot with these owners. */
  outstandingMs(owners: readonly string[], holders: readonly string[]): number {
    if (this.#grants.size === 0) return 0;
    const { ownership, peers, monotonic } = this.#options;
    const now = monotonic();
    let longest = 0;
    for (const [id, { epoch, until }] of this.#grants) {
      if (until <= now || peers.isRefusing(id)) this.#grants.delete(id);
      // One that has an older view may take itself for an owner.
      else if (!holders.includes(id) && (owners.includes(id) || epoch !== ownership.epoch))
        longest = Math.max(longest, until - now);
    }
    return longest;
  }
}
