import { Histogram, type HistogramConfiguration, type MetricObjectWithValues, type MetricValueWithName } from 'prom-client'; // prettier-ignore
import { DURATION_BUCKETS, OPERATIONS, type RequestMetrics } from './request-metrics.js';

type Values = MetricObjectWithValues<MetricValueWithName<string>>;

/** A histogram whose numbers are kept elsewhere, and made into values when somebody scrapes. */
export class DurationHistogram extends Histogram<'operation'> {
  readonly #requests: RequestMetrics;
  readonly #name: string;
  /** What is said of the metric besides its values. */
  readonly #empty: Histogram<'operation'>;

  constructor(name: string, help: string, requests: RequestMetrics) {
    const configuration: HistogramConfiguration<'operation'> = {
      name,
      help,
      labelNames: ['operation'],
      buckets: [...DURATION_BUCKETS],
      registers: [],
    };
    super(configuration);
    this.#requests = requests;
    this.#name = name;
    this.#empty = new Histogram(configuration);
  }

  override async get(): Promise<Values> {
    return { ...(await this.#empty.get()), values: this.#values() };
  }

  /** What the registry calls to write its text; the type declarations leave it out. */
  getForPromString(): Promise<Values> {
    return this.get();
  }

  #values(): MetricValueWithName<string>[] {
    const values: MetricValueWithName<string>[] = [];
    for (const operation of OPERATIONS) {
      const { buckets, sumSeconds } = this.#requests.durations(operation);
      let count = 0;
      buckets.forEach((inBucket, i) => {
        count += inBucket;
        const labels = { operation, le: DURATION_BUCKETS[i] ?? '+Inf' };
        values.push({ metricName: `${this.#name}_bucket`, labels, value: count });
      });
      values.push({ metricName: `${this.#name}_sum`, labels: { operation }, value: sumSeconds });
      values.push({ metricName: `${this.#name}_count`, labels: { operation }, value: count });
    }
    return values;
  }
}
