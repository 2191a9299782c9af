import { compareVersions, type Version, VERSION_ZERO } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import type { DiskIdentity } from '../node/ports.js';

/**
 * What lies on a `MemoryDisk`: it outlives the disk's owner as files outlive a process. What was written is in the
 * hands of the operating system, which outlives the process too; only what was synced outlives the power.
 */
export class Platter {
  readonly entries = new Map<string, Entry>();
  identity: DiskIdentity | undefined;
  floor: Version = VERSION_ZERO;
  /** Why nothing can be written at present; what is there can be read all the same. */
  failure: string | undefined;
  /** Takes back what was written since the last sync, in the order in which it was written. */
  #unsynced: (() => void)[] = [];

  /** Adds a record to the journal: whoever reads it takes the newest of a key. */
  append(key: string, entry: Entry): void {
    const before = this.entries.get(key);
    if (before === undefined || compareVersions(entry, before) > 0) this.replace(key, entry);
  }

  /** What is to be found of the key from now on. */
  replace(key: string, entry: Entry | undefined): void {
    const before = this.entries.get(key);
    this.#put(key, entry);
    this.#unsynced.push(() => this.#put(key, before));
  }

  flush(floor: Version): void {
    const before = [...this.entries];
    const { floor: floorBefore } = this;
    this.entries.clear();
    this.floor = floor;
    this.#unsynced.push(() => {
      this.floor = floorBefore;
      for (const [key, entry] of before) this.entries.set(key, entry);
    });
  }

  sync(): void {
    this.#unsynced = [];
  }

  /** @param kept share of what was not synced that is there all the same: the first of it, as it is a journal */
  losePower(kept = 0): void {
    const lost = this.#unsynced.splice(Math.ceil(this.#unsynced.length * kept));
    for (const undo of lost.reverse()) undo();
    this.#unsynced = [];
  }

  /** Another disk is in its place. */
  wipe(): void {
    this.entries.clear();
    this.identity = undefined;
    this.floor = VERSION_ZERO;
    this.#unsynced = [];
  }

  #put(key: string, entry: Entry | undefined): void {
    if (entry === undefined) this.entries.delete(key);
    else this.entries.set(key, entry);
  }
}
