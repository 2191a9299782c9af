import type { Logger } from 'pino';
import { Occasional } from './occasional.js';
import type { Timers } from './node/ports.js';

/** Where an exception got out that nothing in the code expects. */
export type DefectSource = 'command' | 'connection' | 'peer' | 'timer' | 'membership' | 'process';

const LOG_INTERVAL_MS = 1000;

/**
 * Exceptions that should not happen. One ends what it came up in (a request and its connection, a link, one call of a
 * timer) and never the process, for what ended one node would be sent to the next. All are counted, and logged with
 * their stack at most once a second for each source.
 */
export class Defects {
  readonly counts: Record<DefectSource, number> = {
    command: 0,
    connection: 0,
    peer: 0,
    timer: 0,
    membership: 0,
    process: 0,
  };
  readonly #log: Pick<Logger, 'error'>;
  readonly #logged: Occasional<DefectSource>;

  /** @param monotonic clock, ms */
  constructor(log: Pick<Logger, 'error'>, monotonic: () => number) {
    this.#log = log;
    this.#logged = new Occasional(LOG_INTERVAL_MS, monotonic);
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  report(source: DefectSource, thrown: unknown): void {
    this.counts[source]++;
    if (!this.#logged.isDue(source)) return;
    const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.#log.error({ source, error }, 'defect: an exception that should not happen');
  }

  /** Runs it; what it throws is reported. */
  guard(source: DefectSource, run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.report(source, thrown);
    }
  }

  /** Timers whose callbacks are guarded. */
  timers({ after }: Timers): Timers {
    return { after: (ms, callback) => after(ms, () => this.guard('timer', callback)) };
  }
}
