import { Histogram, type Registry } from 'prom-client';
import type { Disk } from '../persistence/disk.js';
import type { Register } from './replication-metrics.js';

const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the disk of this node does. */
export function registerDiskMetrics(disk: Disk, counter: Register, gauge: Register, register: Registry): void {
  const { checkpoints } = disk;
  gauge('dcs_disk_writable', '1 while writes can be kept, 0 while they are refused', () =>
    disk.refusal === undefined ? 1 : 0,
  );
  gauge('dcs_disk_pending_keys', 'Keys whose newest entry is in the journal only', () => disk.pendingKeys);
  gauge('dcs_disk_journal_bytes', 'Bytes of the journal', () => disk.journalBytes);
  gauge('dcs_disk_bytes', 'Bytes of the entry file', () => checkpoints.fileBytes);
  counter('dcs_disk_commits_total', 'Checkpoints of the entry file', () => checkpoints.succeeded);
  counter('dcs_disk_commit_failures_total', 'Checkpoints that failed', () => checkpoints.failed);
  gauge('dcs_disk_checkpoint_failing', '1 while the last checkpoint of the entry file failed', () =>
    checkpoints.failure === undefined ? 0 : 1,
  );
  counter(
    'dcs_disk_unwritable_entries_total',
    'Entries left out of the entry file: no bytes for them',
    () => disk.unwritable,
  );
  counter('dcs_disk_damaged_entries_total', 'Entries, journal records and files found damaged', () => disk.damaged);
  gauge('dcs_disk_loaded_entries', 'Entries read from the disk at the start', () => disk.loaded);
  gauge('dcs_disk_load_seconds', 'Time to read the disk at the start', () => disk.loadSeconds);
  const durations = new Histogram({
    name: 'dcs_disk_commit_duration_seconds',
    help: 'Time of a checkpoint, from its first entry to the end of its sync',
    buckets: DURATION_BUCKETS,
    registers: [register],
  });
  checkpoints.onDuration = (seconds) => durations.observe(seconds);
}
