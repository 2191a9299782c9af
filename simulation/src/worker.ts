import { parentPort } from 'node:worker_threads';
import type { DiskChoice } from './cluster/disks.js';
import type { FaultName } from './faults/plan.js';
import { mutant, type MutantName } from './mutants/mutants.js';
import { runSeed, type SeedOptions, type SeedResult } from './run-seed.js';

/** What a worker is to run, and what it answers. */
export interface Job {
  readonly seed: number;
  readonly fault: FaultName | undefined;
  readonly disks: DiskChoice | undefined;
  readonly mutant: MutantName | undefined;
  /** Run it again and compare the traces. */
  readonly twice: boolean;
}

export interface JobResult extends SeedResult {
  /** The trace of the second run was another one. */
  readonly diverged: boolean;
}

/** With a mutant of its own for each run. */
export function seedOptions({ seed, fault, disks, mutant: name }: Omit<Job, 'twice'>): SeedOptions {
  const defect = name === undefined ? undefined : mutant(name);
  return { ...defect, seed, disks, fault: fault ?? defect?.fault };
}

export async function runJob(job: Job): Promise<JobResult> {
  const result = await runSeed(seedOptions(job));
  const again = job.twice ? await runSeed(seedOptions(job)) : result;
  return { ...result, diverged: again.hash !== result.hash };
}

parentPort?.on('message', (job: Job) => {
  runJob(job).then(
    (result) => parentPort!.postMessage(result),
    (error: Error) => {
      throw error;
    },
  );
});
