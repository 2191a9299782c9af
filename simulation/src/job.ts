import { parseCase, runOf } from './cases/link-cases.js';
import type { DiskChoice } from './cluster/disks.js';
import type { FaultChoice } from './faults/plan.js';
import { mutant, type MutantName } from './mutants/mutants.js';
import type { SeedOptions } from './run-seed.js';

/** One seed, as a worker is to run it. */
export interface Job {
  readonly seed: number;
  readonly faults: FaultChoice | undefined;
  readonly disks: DiskChoice | undefined;
  readonly mutant: MutantName | undefined;
  /** Name of a case of links, in place of what the seed would have. */
  readonly linkCase?: string | undefined;
  /** Run it again and compare the traces. */
  readonly twice: boolean;
}

/** What `runSeed` is to be told; each call makes a mutant anew. */
export function seedOptions({ seed, faults, disks, mutant: name, linkCase }: Omit<Job, 'twice'>): SeedOptions {
  const defect = name === undefined ? undefined : mutant(name);
  const found = linkCase === undefined ? undefined : parseCase(linkCase);
  const { surgery, tight, shownBy } = defect ?? {};
  return {
    ...{ seed, surgery, tight, disks: disks ?? defect?.disks },
    faults: faults ?? (shownBy && shownBy[seed % shownBy.length]!),
    custom: found && runOf(found),
  };
}
