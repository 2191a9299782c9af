import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type ClusterOptions, startCluster } from '@dcs/launcher';
import { call } from './http.js';

export type { Cluster } from '@dcs/launcher';

/** What a test may ask for; the rest is the same for all. */
export interface TestClusterOptions extends Partial<Omit<ClusterOptions, 'environment'>> {
  /** DCS_ variables for the processes that know them. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Of all clusters of these tests, unless one says otherwise: what the checks prove to the nodes that they know. */
export const CLUSTER_SECRET = 'secret-of-the-tests';
const START_TIMEOUT_MS = 60_000;

/**
 * A cluster of real processes for the tests of one file: started before the first, stopped after the last, on ports
 * that the system chose and with a data directory that is gone afterwards.
 */
export function useCluster(options: TestClusterOptions = {}): () => Cluster {
  let cluster: Cluster | undefined;
  let directory: string | undefined;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    cluster = await startTestCluster(directory, options);
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await cluster?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, START_TIMEOUT_MS);
  return () => {
    if (cluster === undefined) throw new Error('the cluster did not start');
    return cluster;
  };
}

export function startTestCluster(dataDir: string, { env = {}, ...options }: TestClusterOptions): Promise<Cluster> {
  const environment = { ...plainEnvironment(), DCS_CLUSTER_SECRET: CLUSTER_SECRET, ...env };
  return startCluster({ masters: 1, aux: 3, replicas: 2, port: 0, ...options, dataDir, environment });
}

/** The environment of this process without the DCS_ variables that somebody may have set for a cluster of their own. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DCS_')));
}

export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'dcs-e2e-'));
}

/** The address of the `index`-th master. */
export function masterUrl(cluster: Cluster, index = 0): string {
  const master = cluster.masters[index];
  if (master === undefined) throw new Error(`there is no master ${index}`);
  return master.url;
}

export interface ClusterView {
  readonly epoch: number;
  readonly nodes: readonly ClusterNode[];
}

export interface ClusterNode {
  readonly id: string;
  readonly address: string;
  readonly state: string;
  readonly slots: { readonly primary: number; readonly replica: number };
  readonly stats?: { readonly entries: number };
}

export async function clusterView(url: string): Promise<ClusterView> {
  return (await call(url, '/cluster')).json<ClusterView>();
}
