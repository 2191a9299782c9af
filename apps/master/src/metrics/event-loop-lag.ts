import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;

/** How late the event loop runs its timers. */
export class EventLoopLag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** Seconds since the last call, beyond the timer's own interval. */
  read(): { readonly p99: number; readonly max: number } {
    const own = RESOLUTION_MS / 1000;
    const seconds = (ns: number) => Math.max(0, (Number.isFinite(ns) ? ns : 0) / NS_PER_SECOND - own);
    const { max } = this.#histogram;
    const result = { p99: seconds(this.#histogram.percentile(99)), max: seconds(max) };
    this.#histogram.reset();
    return result;
  }

  /** Idempotent. */
  close(): void {
    this.#histogram.disable();
  }
}
