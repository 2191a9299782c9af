import type { Timers } from './ports.js';

export interface ViewRefreshOptions {
  readonly epoch: () => number;
  /** Reads the registry. May reject or never settle. */
  readonly refresh: (minEpoch: number) => Promise<unknown>;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly timers: Timers;
  /** Longest wait for the registry. @defaultValue 500 */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 500;
/** After a refresh that did not bring the epoch asked for, it is not asked for again for so long. */
const PAUSE_AFTER_FAILURE_MS = 1000;

/**
 * Brings the view up to an epoch that somebody has seen. One refresh at a time, of bounded length; when the registry
 * cannot be read, the node goes on with what it has.
 */
export class ViewRefresh {
  readonly #options: ViewRefreshOptions;
  #running: Promise<void> | undefined;
  #pausedUntil = -Infinity;
  /** The epoch that a refresh did not bring. */
  #missedEpoch = 0;

  constructor(options: ViewRefreshOptions) {
    this.#options = options;
  }

  /** Whether a command that carries this epoch has to wait for a refresh. */
  needed(epoch: number): boolean {
    const { epoch: current, monotonic } = this.#options;
    return epoch > current() && (epoch > this.#missedEpoch || monotonic() >= this.#pausedUntil);
  }

  /** Resolves, always, when the view is as new as `epoch` or the time is up. */
  until(epoch: number): Promise<void> {
    // One that is under way may have been for less, and may have read before this epoch was there.
    if (this.#running !== undefined)
      return this.#running.then(() => (this.needed(epoch) ? this.until(epoch) : undefined));
    return this.#begin(epoch, () => {
      if (this.#options.epoch() >= epoch) return;
      this.#missedEpoch = epoch;
      this.#pausedUntil = this.#options.monotonic() + PAUSE_AFTER_FAILURE_MS;
    });
  }

  /** Asks the registry, which need not have anything new. Resolves, always, when it has answered or the time is up. */
  async ask(): Promise<void> {
    await this.#running;
    await (this.#running ?? this.#begin(this.#options.epoch() + 1, () => undefined));
  }

  #begin(epoch: number, ended: () => void): Promise<void> {
    this.#running = this.#run(epoch).finally(() => {
      this.#running = undefined;
      ended();
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
