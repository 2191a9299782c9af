import type { DiskChoice } from '../cluster/disks.js';
import type { Surgery } from '../cluster/cluster.js';
import type { FaultName } from '../faults/plan.js';
import { DEFECTS } from './defects.js';
import { MECHANISMS, type Mechanism } from './mechanisms.js';

/*
 * Deliberate defects, and mechanisms switched off. Each wraps public methods of one node's or one gateway's own objects
 * when the simulation makes them, or of a class for the length of a run: nothing in production can switch one on, and a
 * simulation that lets one pass proves nothing.
 */

type DefectName = keyof typeof DEFECTS;
export type MutantName = DefectName | keyof typeof MECHANISMS;

const mechanisms: Readonly<Record<string, Mechanism>> = MECHANISMS;
const SHOWN_BY: Readonly<Partial<Record<DefectName, readonly FaultName[]>>> = {
  'acknowledge-early': ['die-after-reply'],
  'no-tombstones': ['isolate'],
  'retry-restamps': ['die-after-reply'],
  'disk-acknowledges-early': ['power-cut'],
  'reads-without-lease': ['brief-cuts', 'reset'],
  'restore-only-by-owners': ['restore'],
};

export const MUTANT_NAMES = [...Object.keys(DEFECTS), ...Object.keys(MECHANISMS)] as MutantName[];
/** Those that must be found. */
export const SEEN_MUTANTS = MUTANT_NAMES.filter((name) => mechanisms[name]?.unseen === undefined);

export interface Mutant {
  readonly surgery: Surgery;
  /** Runs in which nodes evict. */
  readonly tight: boolean;
  /** One of these in each run, in turn, if no others are asked for: faults that happen together. */
  readonly shownBy?: readonly (readonly FaultName[])[];
  readonly disks?: DiskChoice;
}

/** Each call makes it anew. */
export function mutant(name: MutantName): Mutant {
  const mechanism = mechanisms[name];
  if (mechanism !== undefined) {
    const { surgery, shownBy, disks } = mechanism;
    return {
      surgery: surgery(),
      tight: false,
      shownBy: shownBy.map((fault) => [fault]),
      ...(disks === undefined ? {} : { disks }),
    };
  }
  const defect = name as DefectName;
  const faults = SHOWN_BY[defect];
  return {
    surgery: DEFECTS[defect](),
    tight: defect === 'eviction-is-delete',
    ...(faults === undefined ? {} : { shownBy: [faults] }),
    ...(defect === 'disk-acknowledges-early' ? { disks: 'always' } : {}),
  };
}
