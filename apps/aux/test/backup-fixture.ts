import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Member, View } from '@dcs/cluster-membership';
import { makeVersion, SlotSet } from '@dcs/protocol';
import { Archive } from '../src/backup/archive.js';
import { Backup, type BackupOutcome } from '../src/backup/backup.js';
import type { BackupLog } from '../src/backup/backup-log.js';
import { type BackupFiles, systemFiles } from '../src/backup/backup-files.js';
import { BackupRestore } from '../src/backup/restore.js';
import { type Entry, entryOf, supersedes, valueOf } from '../src/node/entry.js';
import { Ownership } from '../src/node/ownership.js';
import type { Timers } from '../src/node/ports.js';
import { Store } from '../src/node/store.js';
import { SlotLedger } from '../src/replication/slots/slot-ledger.js';

export const ALL_SLOTS = SlotSet.of(Array.from({ length: 16_384 }, (_, slot) => slot));
export const START = Date.UTC(2026, 10, 25, 10);

export const realTimers: Timers = {
  after(ms, callback) {
    const handle = setTimeout(callback, ms);
    return () => clearTimeout(handle);
  },
};

export class MemoryLog implements BackupLog {
  readonly lines: { level: string; message: string; details: object }[] = [];
  info = (details: object, message: string) => void this.lines.push({ level: 'info', message, details });
  warn = (details: object, message: string) => void this.lines.push({ level: 'warn', message, details });
  error = (details: object, message: string) => void this.lines.push({ level: 'error', message, details });
}

function member(id: string): Member {
  return { id, incarnation: 1, host: '127.0.0.1', dataPort: 1, httpPort: 1, weight: 1, zone: '', state: 'up' };
}

export function viewOf(epoch: number, ids: readonly string[]): View {
  return { epoch, members: [...ids].sort().map(member) };
}

/** One node as far as backups see it. */
export class FakeNode {
  readonly store: Store;
  readonly ownership: Ownership;
  readonly ledger = new SlotLedger();
  readonly log = new MemoryLog();
  readonly backup: Backup;

  constructor(
    readonly world: BackupWorld,
    readonly id: string,
    options: { keep?: number; intervalMs?: number; disk?: BackupFiles; monotonic?: () => number; timers?: Timers } = {},
  ) {
    const now = () => world.now;
    const disk = options.disk ?? systemFiles;
    this.store = new Store({
      maxEntries: 1_000_000,
      maxBytes: 2 ** 30,
      tombstoneRetentionMs: 3_600_000,
      now,
      hashSeed: 1,
    });
    this.ownership = new Ownership(id, 2);
    this.backup = new Backup({
      archive: new Archive({ disk, directory: world.directory }),
      disk,
      source: { ownership: this.ownership, store: this.store, ledger: this.ledger, now },
      cluster: 'dcs',
      id,
      replicas: 2,
      intervalMs: options.intervalMs ?? 0,
      keep: options.keep ?? 3,
      view: () => this.ownership.view,
      restoreFailed: () => world.restoreFailed,
      waking: () => undefined,
      monotonic: options.monotonic ?? (() => performance.now()),
      random: () => 0.5,
      timers: options.timers ?? realTimers,
      log: this.log,
    });
  }

  apply(view: View): void {
    this.ownership.apply(view);
  }

  put(key: string, value: string, ms = this.world.now, expiresAt = 0, kind = 's'): void {
    this.store.merge(key, entryOf(key, value, makeVersion(ms, 0, 1), expiresAt, kind));
  }
}

/** A backup directory, a clock, and the nodes that write there. */
export class BackupWorld {
  readonly log = new MemoryLog();
  now = START;
  restoreFailed = false;

  constructor(readonly directory = mkdtempSync(join(tmpdir(), 'dcs-backup-'))) {}

  node(id: string, options: ConstructorParameters<typeof FakeNode>[2] = {}): FakeNode {
    return new FakeNode(this, id, options);
  }

  restorer(disk: BackupFiles = systemFiles): BackupRestore {
    return new BackupRestore({
      archive: new Archive({ disk, directory: this.directory }),
      disk,
      folder: 'dcs',
      now: () => this.now,
      monotonic: () => performance.now(),
      timers: realTimers,
      log: this.log,
    });
  }

  /** What a restore of these slots gives, merged. */
  async restored(slots = ALL_SLOTS, restorer = this.restorer()): Promise<Map<string, Entry>> {
    const found = new Map<string, Entry>();
    await restorer.restore(slots, (key, entry) => {
      const known = found.get(key);
      if (known === undefined || supersedes(entry, known)) found.set(key, entry);
    });
    return found;
  }

  async values(slots = ALL_SLOTS): Promise<Record<string, string>> {
    const found = await this.restored(slots);
    return Object.fromEntries(
      [...found].filter(([, { kind }]) => kind !== 'd').map(([key, entry]) => [key, valueOf(entry)]),
    );
  }

  async back(...nodes: readonly FakeNode[]): Promise<BackupOutcome[]> {
    const outcomes: BackupOutcome[] = [];
    for (const node of nodes) {
      this.now += 1000;
      outcomes.push(await node.backup.request());
    }
    return outcomes;
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
