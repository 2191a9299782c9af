import { basename, join } from 'node:path';
import type { View } from '@dcs/cluster-membership';
import { type Archive, type BackupFile, folderName } from './archive.js';
import type { BackupLog } from './backup-log.js';
import type { BackupFiles } from './backup-files.js';
import { isFromFuture } from './precedence.js';
import { isExpendable, type Kept } from './retention.js';

export interface CleanerOptions {
  readonly archive: Archive;
  readonly disk: BackupFiles;
  readonly cluster: string;
  readonly id: string;
  readonly keep: number;
  readonly intervalMs: number;
  readonly view: () => View;
  /** The last restore of this node failed: older backups may have what it did not get. */
  readonly restoreFailed: () => boolean;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  readonly log: BackupLog;
}

/** How old newer files must be before those of a node that is gone may go, at least, ms. */
const MIN_MARGIN_MS = 3_600_000;
const MARGIN_INTERVALS = 2;

/** Removes what is not needed any more: of this node's own files, and of those of nodes that are in the view no more. */
export class Cleaner {
  readonly #options: CleanerOptions;

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  /** Files of the cluster whose nodes' clocks were ahead when they wrote them, at the last look. */
  fromFuture = 0;

  /**
   * @param written just now: it is never removed
   * @throws what the disk says
   */
  async clean(written: string): Promise<void> {
    const { archive, disk, cluster, id, keep, intervalMs, view, restoreFailed, now, log } = this.#options;
    if (restoreFailed()) return log.warn({}, 'no old backup is removed: the last restore failed');
    const own = basename(archive.folderOf(cluster, id));
    const members = new Set(view().members.map((member) => folderName(member.id)));
    const isGone = (folder: string): boolean => folder !== own && members.size > 0 && !members.has(folder);
    const before = now() - Math.max(MIN_MARGIN_MS, MARGIN_INTERVALS * intervalMs);
    const files = (await archive.files(folderName(cluster))).map((file) => ({ file, kept: keptOf(file) }));
    const all = files.map(({ kept }) => kept);
    const today = now();
    this.#tellOfFuture(files.map(({ file }) => file).filter((file) => isFromFuture(file, today)));
    let removed = 0;
    for (const { file, kept } of files) {
      if (file.path === written || (file.folder !== own && !isGone(file.folder))) continue;
      await new Promise((resolve) => setImmediate(resolve));
      if (!isExpendable(kept, all, { keep, notAfter: file.folder === own ? Infinity : before, now: today })) continue;
      await disk.remove(file.path);
      removed++;
    }
    for (const folder of (await archive.nodes(folderName(cluster))).filter(isGone)) {
      const path = join(archive.directory, folderName(cluster), folder);
      await archive.removeLeftovers(path, before);
      await disk.removeDirectory(path);
    }
    if (removed > 0) log.info({ files: removed }, 'removed backups that newer ones replace');
  }

  #tellOfFuture(files: readonly BackupFile[]): void {
    if (files.length > 0 && this.fromFuture === 0) {
      const details = { files: files.length, newest: files[0]!.path };
      this.#options.log.error(
        details,
        'backups are from the future: the clock of a node was ahead, or this one is behind',
      );
    }
    this.fromFuture = files.length;
  }
}

/** One that cannot be read for a reason that may pass is as good as a file that nothing replaces: it stays. */
function keptOf({ createdAt, epoch, slots, foot, problem }: BackupFile): Kept {
  const isDamaged = (problem as { code?: string } | undefined)?.code === 'ERR_BACKUP_DAMAGED';
  const stays = problem !== undefined && !isDamaged;
  return { createdAt: stays ? Infinity : createdAt, epoch, slots, isComplete: foot !== undefined };
}
