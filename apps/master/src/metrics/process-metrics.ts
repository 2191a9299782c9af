import { collectDefaultMetrics, type Registry } from 'prom-client';

/** What prom-client knows of a process: CPU, memory, garbage collection. */
export function registerProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register });
  // Of its event-loop lag one long stall is one sample of many, and every reader takes it from the others.
  for (const { name } of register.getMetricsAsArray()) {
    if (name.startsWith('nodejs_eventloop_lag_')) register.removeSingleMetric(name);
  }
}
