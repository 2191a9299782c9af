import type { Timers } from './ports.js';

export interface ViewRefreshOptions {
  readonly epoch: () => number;
  /** Reads the registry. May reject or never settle. */
  readonly refresh: (minEpoch: number) => Promise<unknown>;
  readonly now: () => number;
  readonly timers: Timers;
  /** Longest wait for the registry. @defaultValue 500 */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 500;
/** After a refresh that brought nothing new, commands go on with the old view for so long before another is tried. */
const PAUSE_AFTER_FAILURE_MS = 1000;

/**
 * Brings the view up to an epoch that somebody has seen. One refresh at a time, of bounded length; when the registry
 * cannot be read, the node goes on with what it has.
 */
export class ViewRefresh {
  readonly #options: ViewRefreshOptions;
  #running: Promise<void> | undefined;
  #pausedUntil = -Infinity;

  constructor(options: ViewRefreshOptions) {
    this.#options = options;
  }

  /** Whether a command that carries this epoch has to wait for a refresh. */
  needed(epoch: number): boolean {
    return epoch > this.#options.epoch() && this.#options.now() >= this.#pausedUntil;
  }

  /** Resolves, always, when the view is as new as `epoch` or the time is up. */
  until(epoch: number): Promise<void> {
    this.#running ??= this.#run(epoch).finally(() => {
      this.#running = undefined;
      if (this.#options.epoch() < epoch) this.#pausedUntil = this.#options.now() + PAUSE_AFTER_FAILURE_MS;
    });
    return this.#running;
  }

  async #run(epoch: number): Promise<void> {
    const { refresh, timers, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    let cancel: (() => void) | undefined;
    const timeout = new Promise<void>((resolve) => {
      cancel = timers.after(timeoutMs, resolve);
    });
    try {
      await Promise.race([refresh(epoch), timeout]);
    } catch {
      // The registry is out of reach: fail static. It has its own metric, dcs_registry_reachable.
    } finally {
      cancel?.();
    }
  }
}
