import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slotOfBinary } from '@dcs/consistent-hash';
import { makeVersion, type Version } from '@dcs/protocol';
import { entryOf } from '../src/node/entry.js';
import { Store, type StoreOptions } from '../src/node/store.js';
import { Disk, type DiskOptions } from '../src/persistence/disk.js';

export const START = 1_700_000_000_000;

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** Directories and disks of one test file, all gone at its end. */
export class DiskFolder {
  readonly root = mkdtempSync(join(tmpdir(), 'dcs-disk-'));
  readonly lines: LogLine[] = [];
  readonly #disks: Disk[] = [];
  #next = 0;

  directory(): string {
    const path = join(this.root, `d${++this.#next}`);
    mkdirSync(path);
    return path;
  }

  /** What a power cut or a kill would leave of a folder now. */
  copy(directory: string): string {
    const target = this.directory();
    const names = readdirSync(directory).filter((name) => /^(journal-|entries\.mdb$)/.test(name));
    // The journal first: what is removed from it meanwhile is in the entry file that is copied after it.
    for (const name of names.sort().reverse()) {
      try {
        copyFileSync(join(directory, name), join(target, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return target;
  }

  async open(directory: string, options: Partial<DiskOptions> = {}): Promise<Disk> {
    const log = (level: string) => (_: unknown, message: string) => void this.lines.push({ level, message });
    const disk = await Disk.open({
      directory,
      durability: 'interval',
      now: () => START,
      log: { info: log('info'), warn: log('warn'), error: log('error') } as DiskOptions['log'],
      ...options,
    });
    this.#disks.push(disk);
    return disk;
  }

  async close(): Promise<void> {
    await Promise.all(this.#disks.map((disk) => disk.close()));
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function newStore(options: Partial<StoreOptions> = {}): Store {
  return new Store({
    maxEntries: 100_000,
    maxBytes: 2 ** 28,
    tombstoneRetentionMs: 3_600_000,
    now: () => START,
    hashSeed: 1,
    ...options,
  });
}

/** Versions in the order of `n`. */
export function version(n: number): Version {
  return makeVersion(START + n, 0, 7);
}

export function put(store: Store, key: string, value: string, n: number, expiresAt = 0): void {
  store.merge(key, entryOf(key, value, version(n), expiresAt));
}

export function remove(store: Store, key: string, n: number): void {
  store.merge(key, store.tombstone(version(n), slotOfBinary(key)));
}

/** Resolves, or rejects with the error, when all that is in the store is durable. */
export function durable(disk: Disk): Promise<void> {
  return new Promise((resolve, reject) => disk.whenDurable((error) => (error ? reject(error) : resolve())));
}
