import type { CacheNode } from '../cache-node.js';
import type { Timers } from '../node/ports.js';
import { Archive, folderName } from './archive.js';
import { Backup } from './backup.js';
import type { BackupLog } from './backup-log.js';
import { type BackupFiles, systemFiles } from './backup-files.js';
import { BackupRestore } from './restore.js';

export interface BackupPartsOptions {
  readonly directory: string;
  readonly cluster: string;
  readonly id: string;
  readonly replicas: number;
  readonly backupIntervalMs: number;
  readonly backupKeep: number;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly timers: Timers;
  readonly log: BackupLog;
  readonly disk?: BackupFiles;
}

/** The two sides of backups in a process: the one that a node restores from, and the one that reads the node. */
export class BackupParts {
  readonly restore: BackupRestore;
  readonly #options: BackupPartsOptions;
  readonly #archive: Archive;
  readonly #disk: BackupFiles;
  #backup: Backup | undefined;

  constructor(options: BackupPartsOptions) {
    const { disk = systemFiles, directory, cluster } = options;
    this.#options = options;
    this.#disk = disk;
    this.#archive = new Archive({ disk, directory });
    const archive = new Archive({ disk, directory });
    this.restore = new BackupRestore({ ...options, archive, disk, folder: folderName(cluster) });
  }

  /** The backups of this node; one for each pair of parts. */
  backupOf(node: CacheNode): Backup {
    const { backupIntervalMs, backupKeep } = this.#options;
    this.#backup ??= new Backup({
      ...this.#options,
      archive: this.#archive,
      disk: this.#disk,
      source: {
        ownership: node.ownership,
        store: node.store,
        ledger: node.replication.ledger,
        now: this.#options.now,
      },
      intervalMs: backupIntervalMs,
      keep: backupKeep,
      view: () => node.ownership.view,
      restoreFailed: () => node.replication.recovery.restoreError !== undefined,
      waking: () => node.waking,
      random: Math.random,
    });
    return this.#backup;
  }
}
