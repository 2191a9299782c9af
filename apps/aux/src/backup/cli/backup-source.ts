import { Archive, folderName } from '../archive.js';
import { type BackupFiles, systemFiles } from '../backup-files.js';
import { BackupRestore } from '../restore.js';
import { type Arguments, UsageError } from './arguments.js';
import type { Terminal } from './terminal.js';

export interface BackupSource {
  readonly disk: BackupFiles;
  readonly archive: Archive;
  /** Names of the folders of the clusters that are wanted. */
  readonly clusters: readonly string[];
}

/** @throws UsageError when there is no such directory or cluster */
export async function openBackupSource({ directory, cluster }: Arguments): Promise<BackupSource> {
  const archive = new Archive({ disk: systemFiles, directory });
  await systemFiles.stat(directory).catch((error: Error) => {
    throw new UsageError(`the backup directory cannot be read: ${error.message}`);
  });
  const all = await archive.clusters();
  if (cluster === undefined) return { disk: systemFiles, archive, clusters: all };
  const folder = folderName(cluster);
  if (all.includes(folder)) return { disk: systemFiles, archive, clusters: [folder] };
  throw new UsageError(
    `--cluster: got ${JSON.stringify(cluster)}, expected ${all.join(', ') || 'no backups are here'}`,
  );
}

/** Reads one cluster as a node that restores would. @throws UsageError when it is not clear which */
export function restoreOf({ archive, disk, clusters }: BackupSource, terminal: Terminal): BackupRestore {
  const [folder, another] = clusters;
  if (folder === undefined) throw new UsageError('there are no backups in this directory');
  if (another !== undefined) throw new UsageError(`--cluster is missing: expected one of ${clusters.join(', ')}`);
  const tell = (details: object, message: string): void =>
    void terminal.error.write(`${message}: ${Object.values(details).join(', ')}\n`);
  return new BackupRestore({
    archive,
    disk,
    folder,
    now: terminal.now,
    monotonic: () => performance.now(),
    timers: {
      after(ms, callback) {
        const handle = setTimeout(callback, ms);
        return () => clearTimeout(handle);
      },
    },
    log: { info: () => undefined, warn: tell, error: tell },
  });
}
