import { Worker } from 'node:worker_threads';
import type { Job } from './job.js';
import type { JobResult } from './worker.js';

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

/** Worker threads, which are slow to start: one pool serves a whole session. */
export class Pool {
  readonly #threads: readonly Worker[];

  constructor(workers: number) {
    const options = { resourceLimits: { maxYoungGenerationSizeMb: 192 } };
    this.#threads = Array.from({ length: workers }, () => new Worker(new URL('./worker.ts', import.meta.url), options));
  }

  /**
   * Runs jobs until there are none left or `onResult` says that it has seen enough, and waits for those under way.
   *
   * @throws SeedError when a run throws
   */
  async run(jobs: Iterator<Job>, onResult: (result: JobResult) => boolean): Promise<void> {
    let enough = false;
    const runOn = (worker: Worker): Promise<void> =>
      new Promise((resolve, reject) => {
        let seed = 0;
        const end = (settle: () => void): void => {
          worker.off('message', onMessage).off('error', onError);
          settle();
        };
        const next = (): void => {
          const { done, value } = jobs.next();
          if (done === true || enough) return end(resolve);
          seed = value.seed;
          worker.postMessage(value);
        };
        const onMessage = (result: JobResult): void => {
          if (!onResult(result)) enough = true;
          next();
        };
        const onError = (error: Error): void => end(() => reject(new SeedError(seed, error)));
        worker.on('message', onMessage).on('error', onError);
        next();
      });
    await Promise.all(this.#threads.map(runOn));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}
