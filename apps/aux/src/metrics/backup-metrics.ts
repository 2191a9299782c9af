import { Counter, type Registry } from 'prom-client';
import type { Backup } from '../backup/backup.js';
import type { BackupRestore } from '../backup/restore.js';
import type { Register } from './replication-metrics.js';

const MS_PER_SECOND = 1000;

/** What backups and restores do on this node; only where there is a backup directory. */
export function registerBackupMetrics(
  { backup, restore }: { readonly backup: Backup; readonly restore: BackupRestore },
  counter: Register,
  gauge: Register,
  register: Registry,
): void {
  gauge(
    'dcs_backup_last_success_timestamp_seconds',
    'When the last backup that succeeded was finished; 0 before the first',
    () => (backup.last?.finishedAt ?? 0) / MS_PER_SECOND,
  );
  gauge(
    'dcs_backup_interval_seconds',
    'Time between two backups; 0: only on demand',
    () => backup.intervalMs / MS_PER_SECOND,
  );
  gauge(
    'dcs_backup_last_duration_seconds',
    'How long the last backup took',
    () => (backup.last?.durationMs ?? 0) / MS_PER_SECOND,
  );
  gauge('dcs_backup_last_size_bytes', 'Bytes of the last backup', () => backup.last?.bytes ?? 0);
  gauge('dcs_backup_last_entries', 'Entries in the last backup', () => backup.last?.entries ?? 0);
  gauge(
    'dcs_backup_files_from_future',
    'Backups of the cluster that are later than the clock, after the last one of this node',
    () => backup.fromFuture,
  );
  gauge('dcs_backup_in_progress', '1 while a backup is written', () => (backup.inProgress ? 1 : 0));
  new Counter({
    name: 'dcs_backups_total',
    help: 'Backups, by outcome; skipped: the node had no slot of which it had all',
    labelNames: ['outcome'],
    registers: [register],
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(backup.outcomes)) this.inc({ outcome }, count);
    },
  });
  counter('dcs_restore_entries_total', 'Entries and deletes taken from backups', () => restore.progress.entries);
  counter(
    'dcs_restore_damaged_blocks_total',
    'Damaged parts of backups that restores left out',
    () => restore.progress.damagedBlocks,
  );
}
