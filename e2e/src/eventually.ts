import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** How long to go on trying. @defaultValue 10000 */
  readonly timeoutMs?: number;
  /** Pause between two tries. @defaultValue 50 */
  readonly intervalMs?: number;
}

/**
 * Runs `attempt` until it neither throws nor rejects, and answers what it gave. The last error is thrown when the time
 * is up, so a test fails with the expectation that did not come true and not with "timed out".
 */
export async function eventually<T>(attempt: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 10_000, intervalMs = 50 } = options;
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= end) throw error;
    }
    await sleep(intervalMs);
  }
}
