import { type Cluster } from '../cluster.js';
import { ROOT } from '../child-process.js';
import { eventually } from '../eventually.js';
import { call } from '../http.js';
import { type Finished, Program } from '../system/program.js';
import { metric } from './aux-outage.js';

const TIMEOUT_MS = 60_000;

/** Asks for a backup of the cluster and waits until every node has made its own. */
export async function backUp(cluster: Cluster): Promise<void> {
  const asked = Date.now() / 1000;
  const { status, text } = await call(cluster.masters[0]!.url, '/cluster/backup', { method: 'POST' });
  if (status !== 202) throw new Error(`POST /cluster/backup: ${status} ${text}`);
  await eventually(
    async () => {
      for (const { name } of cluster.aux) expect(await lastBackup(cluster, name)).toBeGreaterThanOrEqual(asked - 1);
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

/** When a node ended its last backup, s since the Unix epoch. */
export function lastBackup(cluster: Cluster, name: string): Promise<number> {
  return metric(cluster, name, 'dcs_backup_last_success_timestamp_seconds');
}

/** When the oldest of the nodes' last backups began, ms since the Unix epoch. */
export async function backedUpSince(cluster: Cluster): Promise<number> {
  const begins = await Promise.all(
    cluster.aux.map(async ({ name }) => {
      const [end, tookSeconds] = [
        await lastBackup(cluster, name),
        await metric(cluster, name, 'dcs_backup_last_duration_seconds'),
      ];
      return (end - tookSeconds) * 1000;
    }),
  );
  return Math.min(...begins);
}

/** `npm run backup -- ...` */
export function backupCommand(...args: readonly string[]): Promise<Finished> {
  return new Program('npm', ['--silent', 'run', 'backup', '--', ...args], { cwd: ROOT }).finished(TIMEOUT_MS);
}
