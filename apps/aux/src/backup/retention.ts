import { SLOT_COUNT } from '@dcs/consistent-hash';
import { type Dated, supersedes } from './precedence.js';

/** A file, as far as it matters whether it may go. */
export interface Kept extends Dated {
  /** The slots that it has whole, one bit each; none when it is not complete. */
  readonly slots: Uint8Array;
  readonly isComplete: boolean;
}

export interface RetentionOptions {
  /** Newer files that must have a slot before an older one may go. */
  readonly keep: number;
  /** Newer files count only when they were begun before this time, ms since the Unix epoch. */
  readonly notAfter: number;
  /** ms since the Unix epoch. */
  readonly now: number;
}

const ALL_SLOTS = new Uint8Array(SLOT_COUNT / 8).fill(255);

/**
 * Whether a file is not needed any more: every slot that it has is whole in `keep` newer complete files, whoever wrote
 * them. So a slot keeps its last files for as long as its new primary has not written enough of its own, however
 * many files the old one writes without it. Of a file that is not complete it is not known what it holds: it goes when
 * newer ones have all slots.
 */
export function isExpendable(file: Kept, files: Iterable<Kept>, { keep, notAfter, now }: RetentionOptions): boolean {
  const needed = file.isComplete ? file.slots : ALL_SLOTS;
  // covered[i]: the slots found in more than i newer files.
  const covered = Array.from({ length: keep }, () => new Uint8Array(needed.length));
  for (const other of files) {
    if (!other.isComplete || other.createdAt > notAfter || !supersedes(other, file, now)) continue;
    for (let byte = 0; byte < needed.length; byte++) {
      let carry = other.slots[byte]! & needed[byte]!;
      for (const level of covered) {
        const had = level[byte]!;
        level[byte] = had | carry;
        carry &= had;
      }
    }
  }
  return covered[keep - 1]!.every((bits, byte) => bits === needed[byte]);
}
