import { Worker } from 'node:worker_threads';
import type { Job, JobResult } from './worker.js';

/** A run ended by an exception, not by a verdict. */
export class SeedError extends Error {
  readonly code = 'ERR_SIMULATION_SEED';
  constructor(
    readonly seed: number,
    cause: Error,
  ) {
    super(`seed ${seed}: ${cause.message}`, { cause });
  }
}

/**
 * Runs jobs on worker threads until there are none left or `onResult` says that it has seen enough.
 *
 * @throws SeedError when a run throws
 */
export async function runAll(
  jobs: Iterator<Job>,
  workers: number,
  onResult: (result: JobResult) => boolean,
): Promise<void> {
  let enough = false;
  const runOn = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let seed = 0;
      const next = (): void => {
        const { done, value } = jobs.next();
        if (done === true || enough) return resolve();
        seed = value.seed;
        worker.postMessage(value);
      };
      worker.on('message', (result: JobResult) => {
        if (!onResult(result)) enough = true;
        next();
      });
      worker.on('error', (error) => reject(new SeedError(seed, error)));
      next();
    });
  const threads = Array.from(
    { length: workers },
    () => new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits: { maxYoungGenerationSizeMb: 192 } }),
  );
  try {
    await Promise.all(threads.map(runOn));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}
