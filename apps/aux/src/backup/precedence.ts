import { SLOT_COUNT } from '@dcs/consistent-hash';
import { SlotSet } from '@dcs/protocol';

/** What decides between two files that both have a slot whole. */
export interface Dated {
  /** ms since the Unix epoch. */
  readonly createdAt: number;
  /** Of the view that its node had. */
  readonly epoch: number;
}

/**
 * For how long a node may go on with an old view, and write backups of slots that are not its own any more: of files
 * written within this time of each other the later one counts as newer only if its view is not the older one.
 */
export const STALE_VIEW_MS = 3_600_000;

/** By how much clocks of nodes may differ: a file that says it was begun later than that is from the future, ms. */
export const FUTURE_MS = 300_000;

/** Whether the clock of the node that wrote a file was ahead: when the file was begun, nobody can tell. */
export function isFromFuture(file: Dated, now: number): boolean {
  return file.createdAt > now + FUTURE_MS;
}

/**
 * Whether a file is newer beyond doubt than another that has the same slot, so that nothing of the other is needed: it
 * was begun later, and not by a node that was left behind in an older view. Epochs that began anew, after a registry
 * was lost together with all nodes, are told from that by the time between. One from the future is newer than none:
 * both are read then, and versions decide. Transitive.
 * @param now ms since the Unix epoch
 */
export function supersedes(file: Dated, other: Dated, now: number): boolean {
  if (file.createdAt <= other.createdAt || isFromFuture(file, now)) return false;
  return file.epoch >= other.epoch || file.createdAt - other.createdAt > STALE_VIEW_MS;
}

/** Which of the slots to take from which file; `also`: of them, those that another file has a part in as well. */
export interface Share<File> {
  readonly file: File;
  readonly slots: SlotSet;
  readonly also: SlotSet;
}

/**
 * For each wanted slot the files that no other supersedes: one, but for slots that two nodes held to be their own.
 * @param files complete ones, the newest first
 * @param now ms since the Unix epoch
 */
export function sharesOf<File extends Dated & { readonly slots: Uint8Array }>(
  files: readonly File[],
  wanted: SlotSet,
  now: number,
): Share<File>[] {
  const shares = files.map((file) => ({ file, slots: new SlotSet(), also: new SlotSet() }));
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!wanted.has(slot)) continue;
    const chosen: (typeof shares)[number][] = [];
    for (const share of shares) {
      if (!hasSlot(share.file.slots, slot) || chosen.some(({ file }) => supersedes(file, share.file, now))) continue;
      chosen.push(share);
    }
    for (const share of chosen) {
      share.slots.add(slot);
      if (chosen.length > 1) share.also.add(slot);
    }
  }
  return shares.filter(({ slots }) => !slots.isEmpty);
}

export function hasSlot(slots: Uint8Array, slot: number): boolean {
  return (slots[slot >> 3]! & (1 << (slot & 7))) !== 0;
}
