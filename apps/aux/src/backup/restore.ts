import { type EntryFault, entryFault, SlotSet } from '@dcs/protocol';
import { type Entry, lengthOf } from '../node/entry.js';
import type { NodeBackup, Timers } from '../node/ports.js';
import { ahead } from './ahead.js';
import type { Archive, BackupFile } from './archive.js';
import type { BackupLog } from './backup-log.js';
import { Breather } from './breather.js';
import { type BackupFiles, codeOf } from './backup-files.js';
import { BackupError } from './errors.js';
import { FileReader, readRecords } from './file-reader.js';
import { hasSlot, isFromFuture, sharesOf, supersedes } from './precedence.js';
import { isExpired } from './record.js';

export interface BackupRestoreOptions {
  readonly archive: Archive;
  readonly disk: BackupFiles;
  /** Name of the cluster's folder in the archive. */
  readonly folder: string;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly timers: Timers;
  readonly log: BackupLog;
}

/** What restores have done so far; plain numbers. */
export interface RestoreProgress {
  /** Restores under way. */
  active: number;
  /** Files that are to be read, and that were, of all restores. */
  filesToRead: number;
  filesRead: number;
  /** Records handed to `merge`, tombstones included. */
  entries: number;
  /** Entries left out because their time was over. */
  expired: number;
  damagedBlocks: number;
}

interface Task {
  readonly file: BackupFile;
  readonly slots: SlotSet;
  /** Slots that other files are read for too: what has expired here must still beat what is older there. */
  readonly shared: SlotSet;
  /** Damage was dealt with already. */
  readonly isLastResort: boolean;
}

const SLICE_MS = 4;
/** A file that was listed is gone: newer ones have what it had, and all is looked for again. */
const MAX_ATTEMPTS = 3;

/**
 * Restores slots from what all nodes of the cluster wrote. For each slot it takes the newest complete file that has it
 * whole; where a part of that is damaged, the next older ones besides. Slots that no complete file has are taken from
 * incomplete ones, as far as these can be read.
 */
export class BackupRestore implements NodeBackup {
  readonly progress: RestoreProgress = {
    active: 0,
    filesToRead: 0,
    filesRead: 0,
    entries: 0,
    expired: 0,
    damagedBlocks: 0,
  };
  readonly #options: BackupRestoreOptions;
  #closed = false;

  constructor(options: BackupRestoreOptions) {
    this.#options = options;
  }

  /**
   * Merges what there is of these slots, in slices that leave the event loop free. It may be repeated, and may go on
   * beside another one. Slots without any backup are no error.
   * @param drained for a sink that can be behind: waited for between the slices
   * @throws BackupError ERR_BACKUP_UNREADABLE when a file that may hold the newest of a slot cannot be read, for a reason
   *   that may pass (the directory is missing, no permission, a later format): what could be read has been merged.
   *   ERR_BACKUP_CLOSED. What `merge` throws.
   */
  async restore(
    wanted: SlotSet,
    merge: (key: string, entry: Entry) => void,
    drained?: () => Promise<void>,
  ): Promise<void> {
    this.progress.active++;
    try {
      for (let attempt = 1; ; attempt++) {
        const run = new Run(this.#options, this.progress, merge, drained, () => this.#closed);
        if (await run.read(wanted, attempt === MAX_ATTEMPTS)) return;
      }
    } finally {
      this.progress.active--;
    }
  }

  /** Ends restores under way with ERR_BACKUP_CLOSED. Idempotent. */
  close(): void {
    this.#closed = true;
  }
}

/** One reading of all that is needed for some slots. */
class Run {
  readonly #options: BackupRestoreOptions;
  readonly #progress: RestoreProgress;
  readonly #merge: (key: string, entry: Entry) => void;
  readonly #drained: (() => Promise<void>) | undefined;
  readonly #isClosed: () => boolean;
  readonly #breather: Breather;
  readonly #tasks: Task[] = [];
  /** The slots that a file is read for already. */
  readonly #used = new Map<BackupFile, SlotSet>();
  #complete: BackupFile[] = [];
  #failure: { readonly file: BackupFile; readonly error: Error } | undefined;

  constructor(
    options: BackupRestoreOptions,
    progress: RestoreProgress,
    merge: (key: string, entry: Entry) => void,
    drained: (() => Promise<void>) | undefined,
    isClosed: () => boolean,
  ) {
    this.#options = options;
    this.#progress = progress;
    this.#merge = merge;
    this.#drained = drained;
    this.#isClosed = isClosed;
    this.#breather = new Breather({ ...options, sliceMs: SLICE_MS, pauseMs: () => 0 });
  }

  /** Returns false when a file has gone meanwhile, unless it is the last attempt. */
  async read(wanted: SlotSet, isLast: boolean): Promise<boolean> {
    const { archive, folder, log } = this.#options;
    const files = await this.#files(archive, folder);
    this.#complete = files.filter(({ foot }) => foot !== undefined);
    const shares = sharesOf(this.#complete, wanted, this.#options.now());
    const missing = SlotSet.of(wanted);
    for (const { file, slots, also } of shares) {
      this.#plan({ file, slots, shared: also, isLastResort: false });
      for (const slot of slots) missing.delete(slot);
    }
    if (!missing.isEmpty) {
      for (const file of files) {
        const isPart = file.foot === undefined && file.problem === undefined;
        if (isPart) this.#plan({ file, slots: missing, shared: missing, isLastResort: true });
      }
      log.warn({ slots: missing.size }, 'slots that no complete backup has');
    }
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      try {
        await this.#readFile(task);
      } catch (error) {
        if (codeOf(error) === 'ENOENT' && !isLast) return false;
        this.#cannotRead(task, error as Error);
      }
      this.#progress.filesRead++;
    }
    this.#refuseUnreadable(files, wanted);
    return true;
  }

  async #files(archive: Archive, folder: string): Promise<BackupFile[]> {
    try {
      await this.#options.disk.stat(archive.directory);
      return await archive.files(folder);
    } catch (error) {
      const { message } = error as Error;
      throw new BackupError('ERR_BACKUP_UNREADABLE', `the backup directory cannot be read: ${message}`, error);
    }
  }

  #plan(task: Task): void {
    const used = this.#used.get(task.file) ?? new SlotSet();
    for (const slot of task.slots) used.add(slot);
    this.#used.set(task.file, used);
    this.#tasks.push(task);
    this.#progress.filesToRead++;
  }

  async #readFile(task: Task): Promise<void> {
    const { disk, log } = this.#options;
    const reader = await FileReader.open(disk, task.file.path);
    const damaged = new SlotSet();
    let damagedBlocks = reader.headIsDamaged ? 1 : 0;
    try {
      for await (const block of ahead(reader.blocks(task.slots))) {
        if (block.sound) {
          await this.#mergeBlock(block.raw, task);
          continue;
        }
        damagedBlocks++;
        for (const slot of block.slots ?? task.slots) if (task.slots.has(slot)) damaged.add(slot);
      }
    } finally {
      await reader.close();
    }
    if (task.isLastResort && task.file.foot !== undefined) return; // counted the first time
    if (reader.foot === undefined) damagedBlocks ||= 1; // its end is missing
    this.#progress.damagedBlocks += damagedBlocks;
    if (damagedBlocks > 0) log.error({ file: task.file.path, damagedBlocks }, 'a backup is damaged');
    if (!task.isLastResort && !damaged.isEmpty) this.#fallBack(task.file, damaged);
  }

  /** An entry that no entry may be like fails nothing else; whether it is too far ahead, the one who takes it knows. */
  #leaveOut({ path }: BackupFile, fault: EntryFault): void {
    this.#progress.damagedBlocks++;
    this.#options.log.error({ file: path, fault }, 'an entry of a backup is left out: no entry may be like it');
  }

  async #mergeBlock(raw: Buffer, { file, slots, shared }: Task): Promise<void> {
    const { now } = this.#options;
    const visit = (key: string, entry: Entry): boolean => {
      const fault = entryFault(key.length, entry, lengthOf(entry.framed), Infinity);
      if (fault !== undefined) {
        this.#leaveOut(file, fault);
      } else if (slots.has(entry.slot)) {
        if (isExpired(entry, now()) && !shared.has(entry.slot)) this.#progress.expired++;
        else {
          this.#progress.entries++;
          this.#merge(key, entry);
        }
      }
      return !this.#breather.isDue;
    };
    for (let at = 0; at < raw.length; ) {
      at = readRecords(raw, at, visit);
      if (this.#breather.isDue) {
        await this.#breather.pause();
        await this.#drained?.();
      }
      if (this.#isClosed()) throw new BackupError('ERR_BACKUP_CLOSED', 'the node is closing');
    }
    await this.#drained?.();
  }

  /**
   * A part of these slots cannot be read in a file: the next older ones are read as well, and the file itself once more,
   * so that what has expired in it still beats what is older.
   */
  #fallBack(file: BackupFile, slots: SlotSet): void {
    const left = SlotSet.of(slots);
    const now = this.#options.now();
    const older = this.#complete.filter(
      (other) => other !== file && !isFromFuture(other, now) && !supersedes(other, file, now),
    );
    for (const other of older) {
      const used = this.#used.get(other);
      const share = SlotSet.of([...left].filter((slot) => hasSlot(other.slots, slot)));
      for (const slot of share) left.delete(slot);
      const fresh = SlotSet.of([...share].filter((slot) => used?.has(slot) !== true));
      if (!fresh.isEmpty) this.#plan({ file: other, slots: fresh, shared: slots, isLastResort: false });
      if (left.isEmpty) break;
    }
    this.#plan({ file, slots, shared: slots, isLastResort: true });
  }

  #cannotRead(task: Task, error: Error): void {
    const { code } = error as { code?: string };
    if (code === 'ERR_BACKUP_CLOSED' || !isOfTheFile(error)) throw error;
    this.#options.log.error({ file: task.file.path, error: error.message }, 'a backup cannot be read');
    if (code === 'ERR_BACKUP_DAMAGED') this.#progress.damagedBlocks++;
    else this.#failure ??= { file: task.file, error };
    if (!task.isLastResort) this.#fallBack(task.file, task.slots);
  }

  /** @throws BackupError ERR_BACKUP_UNREADABLE when what could not be read may have been the newest of a slot */
  #refuseUnreadable(files: readonly BackupFile[], wanted: SlotSet): void {
    if (this.#failure !== undefined) throw unreadable(this.#failure.file, this.#failure.error);
    const now = this.#options.now();
    for (const file of files) {
      if (file.problem === undefined) continue;
      if (codeOf(file.problem) === 'ERR_BACKUP_DAMAGED') {
        this.#progress.damagedBlocks++;
        this.#options.log.error({ file: file.path, error: file.problem.message }, 'a backup is damaged');
        continue;
      }
      const newer = this.#complete.filter((other) => supersedes(other, file, now));
      for (const slot of wanted) {
        if (!newer.some(({ slots }) => hasSlot(slots, slot))) throw unreadable(file, file.problem);
      }
    }
  }
}

/** What the disk or the file says, not the one who takes the entries. */
function isOfTheFile(error: Error): boolean {
  const { code } = error as { code?: string };
  return error instanceof BackupError || (code !== undefined && (error as NodeJS.ErrnoException).syscall !== undefined);
}

function unreadable(file: BackupFile, error: Error): BackupError {
  return new BackupError('ERR_BACKUP_UNREADABLE', `the backup ${file.path} cannot be read: ${error.message}`, error);
}
