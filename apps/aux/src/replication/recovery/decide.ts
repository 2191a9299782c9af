/** What is known of one of the nodes that owned a blocked slot last. */
export interface FormerOwner {
  /** The process that owned it is in the view again, or still: it has all of the slot in memory. */
  readonly hasLivedOn: boolean;
  /** It is in the view, with its disk loaded, and the disk has all of the slot. */
  readonly hasDisk: boolean;
  /** It may still come, or answers outside the view. */
  readonly isAwaited: boolean;
}

/** What decides what becomes of a blocked slot. */
export interface SlotFacts {
  /** Of all that owned it since it was whole last; empty where nobody is known to have. */
  readonly owners: readonly FormerOwner[];
  /** Some node of the last views is awaited: it may have taken writes in place of a silent owner, and have them alone. */
  readonly isAnyAwaited: boolean;
  /** Who is to look for the slot in the backup: this node, another one, or nobody can say yet. Absent without a backup. */
  readonly backup: 'own' | 'others' | 'unsure' | undefined;
}

/**
 * - `wait`: nothing is said of the slot.
 * - `import`: a node has all of it; it is imported from all members.
 * - `restore`: only the backup can have it.
 * - `give-up`: what members have of it is all there is to be had.
 */
export type Decision = 'wait' | 'import' | 'restore' | 'give-up';

/** What becomes of a blocked slot. O(owners). */
export function decide({ owners, isAnyAwaited, backup }: SlotFacts): Decision {
  if (owners.some(({ hasLivedOn }) => hasLivedOn)) return 'import';
  if (owners.some(({ isAwaited }) => isAwaited)) return 'wait';
  if (isAnyAwaited && !owners.every(({ hasDisk }) => hasDisk)) return 'wait';
  if (owners.some(({ hasDisk }) => hasDisk)) return 'import';
  if (backup === 'unsure') return 'wait';
  return backup === 'own' ? 'restore' : 'give-up';
}
