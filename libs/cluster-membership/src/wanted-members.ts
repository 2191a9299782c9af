import type { Member, View } from './member.js';

/**
 * How many members a cluster is meant to have, told from the views that one process sees: as many as there were at
 * most, less those that left in order. A member that vanishes in any state but `leaving` is missing, for as long as
 * nobody takes its place. The count starts with the process: it knows nothing of members that were lost before.
 */
export class WantedMembers {
  #count = 0;
  #last: readonly Member[] = [];

  /** 0 before the first view. */
  get count(): number {
    return this.#count;
  }

  /** Takes the next view. O(n). */
  observe({ members }: View): void {
    const present = new Set(members.map(({ id }) => id));
    const left = this.#last.filter(({ id, state }) => state === 'leaving' && !present.has(id)).length;
    this.#count = Math.max(this.#count - left, members.length);
    this.#last = members;
  }
}
