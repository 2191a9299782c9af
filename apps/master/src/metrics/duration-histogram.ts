import { Histogram, type MetricObjectWithValues, type MetricValueWithName } from 'prom-client';
import { DURATION_BUCKETS, OPERATIONS, type RequestMetrics } from './request-metrics.js';

type Values = MetricObjectWithValues<MetricValueWithName<string>>;

/** A histogram whose numbers are kept elsewhere and made into values when somebody scrapes. */
export class DurationHistogram extends Histogram<'operation'> {
  readonly #requests: RequestMetrics;
  readonly #name: string;

  constructor(name: string, help: string, requests: RequestMetrics) {
    super({ name, help, labelNames: ['operation'], buckets: [...DURATION_BUCKETS], registers: [] });
    this.#requests = requests;
    this.#name = name;
  }

  override async get(): Promise<Values> {
    const values: MetricValueWithName<string>[] = [];
    for (const operation of OPERATIONS) {
      const { buckets, sumSeconds } = this.#requests.durations(operation);
      let count = 0;
      buckets.forEach((inBucket, i) => {
        count += inBucket;
        values.push({
          metricName: `${this.#name}_bucket`,
          labels: { operation, le: DURATION_BUCKETS[i] ?? '+Inf' },
          value: count,
        });
      });
      values.push({ metricName: `${this.#name}_sum`, labels: { operation }, value: sumSeconds });
      values.push({ metricName: `${this.#name}_count`, labels: { operation }, value: count });
    }
    return { ...(await super.get()), values };
  }
}
