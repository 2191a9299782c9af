import { parentPort } from 'node:worker_threads';
import { type Job, seedOptions } from './job.js';
import { runSeed, type SeedResult } from './run-seed.js';

/** What a worker answers. */
export interface JobResult extends SeedResult {
  /** The trace of the second run was another one. */
  readonly diverged: boolean;
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
