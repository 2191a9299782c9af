import { type Cluster } from '../cluster.js';
import { call } from '../http.js';
import { parseExposition, sumOf } from '../prometheus-text.js';

/** The nodes of a cluster as the tests of disks start it. */
export const AUX = ['aux-1', 'aux-2', 'aux-3'] as const;

/** SIGKILL to every aux in the same moment; resolves when all have ended. */
export async function killAll(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.aux.map(({ name }) => cluster.kill(name)));
}

/**
 * Starts them at the same time, with their disks as these are; answers how long it took until all were ready, ms.
 * @param env variables for each, instead of the ones that it had
 */
export async function startAll(
  cluster: Cluster,
  names: readonly string[] = AUX,
  env?: Readonly<Record<string, string>>,
): Promise<number> {
  const began = performance.now();
  await Promise.all(names.map((name) => cluster.start(name, env)));
  return performance.now() - began;
}

/** What a node says of a metric, all labels together; NaN when it has no such metric. */
export async function metric(
  cluster: Cluster,
  name: string,
  of: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const exposition = parseExposition((await call(opsUrl(cluster, name), '/metrics')).text);
  if (!exposition.types.has(of)) return NaN;
  return sumOf(exposition, of, labels);
}

export async function readiness(cluster: Cluster, name: string): Promise<{ status: number; text: string }> {
  const { status, text } = await call(opsUrl(cluster, name), '/health/ready');
  return { status, text };
}

function opsUrl(cluster: Cluster, name: string): string {
  const aux = cluster.aux.find((each) => each.name === name);
  if (aux === undefined) throw new Error(`${name} does not run`);
  return `http://${aux.host}:${aux.httpPort}`;
}
