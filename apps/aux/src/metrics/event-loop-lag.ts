import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

const RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;

/** How late the event loop's timers were since the last scrape: the greatest delay and the 99th percentile. */
export class EventLoopLag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor(register: Registry) {
    const histogram = this.#histogram;
    histogram.enable();
    new Gauge({
      name: 'dcs_event_loop_lag_seconds',
      help: 'How late timers ran since the last scrape',
      labelNames: ['quantile'],
      registers: [register],
      collect() {
        const above = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000);
        this.set({ quantile: '0.99' }, histogram.count === 0 ? 0 : above(histogram.percentile(99)));
        this.set({ quantile: '1' }, histogram.count === 0 ? 0 : above(histogram.max));
        histogram.reset();
      },
    });
  }

  /** Idempotent. */
  close(): void {
    this.#histogram.disable();
  }
}
