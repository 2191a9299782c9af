import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { View } from '@dcs/cluster-membership';
import type { BackupStats } from '@dcs/protocol';
import type { Timers } from '../node/ports.js';
import { type Archive, fileName } from './archive.js';
import type { BackupLog } from './backup-log.js';
import { Breather } from './breather.js';
import { Cadence } from './cadence.js';
import { Cleaner } from './cleaner.js';
import type { BackupFiles } from './backup-files.js';
import { BackupError } from './errors.js';
import { FileWriter } from './file-writer.js';
import { FILE_ID_BYTES, type FileFoot } from './format.js';
import { Snapshot, type SnapshotSource } from './snapshot.js';

export interface BackupOptions {
  readonly archive: Archive;
  readonly disk: BackupFiles;
  readonly source: SnapshotSource;
  readonly cluster: string;
  readonly id: string;
  readonly replicas: number;
  /** 0 = only on demand. */
  readonly intervalMs: number;
  /** Newer files that must have a slot before an older one may go. */
  readonly keep: number;
  readonly view: () => View;
  /** The node could not restore what it should have: nothing is to be removed. */
  readonly restoreFailed: () => boolean;
  /** Settles when the node knows its place again; see `CacheNode.waking`. */
  readonly waking: () => Promise<void> | undefined;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly timers: Timers;
  readonly log: BackupLog;
}

/** A file that has been written. */
interface Written {
  readonly foot: FileFoot;
  readonly bytes: number;
  readonly slots: number;
  readonly path: string;
}

export type BackupOutcome = 'success' | 'failure' | 'skipped';

/** The longest stretch of work between two requests. */
const SLICE_MS = 0.5;
const MAX_ATTEMPTS = 3;
/** How long closing waits for a disk that does not answer. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * Writes backups of what this node is primary of: every interval, and on demand. One at a time. A failure is logged and
 * counted, and leaves nothing behind; the next interval tries again. It never throws, and the node serves on.
 */
export class Backup {
  readonly outcomes: Record<BackupOutcome, number> = { success: 0, failure: 0, skipped: 0 };
  /** The last one that succeeded. */
  last:
    | { readonly finishedAt: number; readonly durationMs: number; readonly bytes: number; readonly entries: number }
    | undefined;
  /** Why the last one failed; undefined after one that succeeded. */
  failure: string | undefined;
  readonly #options: BackupOptions;
  readonly #cleaner: Cleaner;
  readonly #cadence: Cadence;
  #running: Promise<BackupOutcome> | undefined;
  #next: Promise<BackupOutcome> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: BackupOptions) {
    this.#options = options;
    this.#cleaner = new Cleaner({ ...options, now: options.source.now });
    this.#cadence = new Cadence(options.intervalMs, options.random);
  }

  /** Time between two backups, ms; 0: only on demand. */
  get intervalMs(): number {
    return this.#options.intervalMs;
  }

  /** Backups of the cluster that a node with a clock ahead has written: see `isFromFuture`. */
  get fromFuture(): number {
    return this.#cleaner.fromFuture;
  }

  get inProgress(): boolean {
    return this.#running !== undefined;
  }

  /** As `DCS.STATS` tells it. */
  stats(): BackupStats {
    const { last, outcomes } = this;
    return {
      lastSuccessAt: last?.finishedAt ?? null,
      entries: last?.entries ?? 0,
      bytes: last?.bytes ?? 0,
      failures: outcomes.failure,
    };
  }

  /** Begins the intervals. Says so in log and counters when the directory cannot be written. Once. */
  start(): void {
    void this.#probe();
    if (this.#options.intervalMs > 0) this.#schedule(this.#cadence.firstDelayMs());
  }

  /**
   * A backup that begins after this call, so that all that was acknowledged before is in it: at once, or after the one
   * that is under way. Demands meanwhile share it. Never rejects.
   */
  request(): Promise<BackupOutcome> {
    if (this.#closed) return Promise.resolve('skipped');
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#closed ? 'skipped' : this.#begin();
    });
    return this.#next;
  }

  /** Gives up what is under way, and forces nothing. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#running === undefined) return;
    let cancel: (() => void) | undefined;
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#options.timers.after(CLOSE_TIMEOUT_MS, resolve);
    });
    await Promise.race([this.#running, timeout]);
    cancel?.();
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    const { timers, monotonic, intervalMs, log } = this.#options;
    this.#cancelTimer = timers.after(delayMs, () => {
      const beganAt = monotonic();
      void this.request().then((outcome) => {
        const ms = monotonic() - beganAt;
        if (outcome === 'success' && !this.#cadence.isKept(ms)) {
          log.warn({ ms: Math.round(ms), intervalMs }, 'backups take more than 0.4 of their interval: more may be lost than came in one'); // prettier-ignore
        }
        this.#schedule(this.#cadence.delayMs(ms));
      });
    });
  }

  #begin(): Promise<BackupOutcome> {
    const running = this.#run().then((outcome) => {
      this.outcomes[outcome]++;
      this.#running = undefined;
      return outcome;
    });
    this.#running = running;
    return running;
  }

  async #run(): Promise<BackupOutcome> {
    const { log, monotonic } = this.#options;
    const beganAt = monotonic();
    let path: string;
    try {
      const foot = await this.#attempts();
      if (foot === undefined) return 'skipped';
      const { entries, tombstones, finishedAt } = foot.foot;
      ({ path } = foot);
      const durationMs = monotonic() - beganAt;
      this.failure = undefined;
      this.last = { finishedAt, durationMs, bytes: foot.bytes, entries };
      log.info({ entries, tombstones, bytes: foot.bytes, slots: foot.slots, ms: Math.round(durationMs) }, 'backed up');
    } catch (error) {
      if (this.#closed) return 'skipped';
      this.failure = (error as Error).message;
      log.error({ error: this.failure }, 'the backup failed');
      return 'failure';
    }
    await this.#cleaner.clean(path).catch((error: Error) => {
      log.warn({ error: error.message }, 'old backups could not be removed');
    });
    return 'success';
  }

  async #attempts(): Promise<Written | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#write();
      } catch (error) {
        const again = error instanceof BackupError && error.code === 'ERR_BACKUP_FLUSHED' && attempt < MAX_ATTEMPTS;
        if (!again) throw error;
      }
    }
  }

  async #write(): Promise<Written | undefined> {
    const { archive, disk, source, cluster, id, replicas, log, monotonic } = this.#options;
    const beganAt = monotonic();
    const folder = await this.#makeFolder();
    await archive.removeLeftovers(folder, Infinity);
    await this.#options.waking();
    const snapshot = new Snapshot(source);
    if (!snapshot.isWorthWriting) return undefined;
    const createdAt = source.now();
    const writer = await FileWriter.create({
      disk,
      folder,
      name: fileName(createdAt, snapshot.epoch),
      head: {
        fileId: randomBytes(FILE_ID_BYTES).toString('hex'),
        cluster,
        node: id,
        createdAt,
        epoch: snapshot.epoch,
        replicas,
      },
    });
    try {
      const pauseMs = (): number => this.#cadence.pauseMs(monotonic() - beganAt);
      const breather = new Breather({ ...this.#options, sliceMs: SLICE_MS, pauseMs });
      await snapshot.writeTo(writer, breather, () => this.#closed);
      const slots = snapshot.covered();
      if (slots.isEmpty) {
        await writer.abort();
        return undefined;
      }
      const left = snapshot.slots - slots.size;
      if (left > 0) log.warn({ slots: left }, 'slots whose owners changed, or that are not all here: the next backup has them'); // prettier-ignore
      const foot = await writer.finish({ finishedAt: source.now(), epochAtEnd: source.ownership.epoch, slots });
      return { foot, bytes: writer.bytes, slots: slots.size, path: writer.path };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** The directory itself has to be there: where it is not, a volume is probably not mounted. */
  async #makeFolder(): Promise<string> {
    const { archive, disk, cluster, id } = this.#options;
    const folder = archive.folderOf(cluster, id);
    await disk.stat(archive.directory);
    await disk.makeDirectory(dirname(folder));
    await disk.makeDirectory(folder);
    return folder;
  }

  async #probe(): Promise<void> {
    const { archive, disk, log } = this.#options;
    try {
      const folder = await this.#makeFolder();
      await archive.removeLeftovers(folder, Infinity);
      const path = `${folder}/probe.dcsb.tmp`;
      await (await disk.open(path, 'create')).close();
      await disk.remove(path);
    } catch (error) {
      this.outcomes.failure++;
      this.failure = (error as Error).message;
      log.error({ directory: archive.directory, error: (error as Error).message }, 'no backup can be written');
    }
  }
}
