import { type Entry, supersedes } from '@dcs/aux/node/entry';
import type { NodeBackup } from '@dcs/aux/node/ports';
import type { Store } from '@dcs/aux/node/store';
import type { SimProcess } from '../kernel/sim-process.js';

/** How long it takes to read a half of it, at most. */
const READ_MS = [5, 100, 1500];

/**
 * A directory of backups, each made at the last moment: what is restored from it is all that was acknowledged. Real ones
 * are older, and their files are tested where they are made.
 */
export class Archive {
  readonly #entries = new Map<string, Entry>();

  /** A node's backup of all that it has. */
  add(store: Store): void {
    store.scanAll('0', Number.MAX_SAFE_INTEGER, (key, entry) => {
      const known = this.#entries.get(key);
      if (known === undefined || supersedes(entry, known)) this.#entries.set(key, entry);
      return true;
    });
  }

  /** As a process restores from it: not all at once. */
  readBy(process: SimProcess): NodeBackup {
    const halfMs = process.random.pick(READ_MS);
    const pause = (): Promise<void> =>
      new Promise((resolve) => process.after(process.random.between(0, halfMs), resolve));
    return {
      restore: async (slots, merge) => {
        const wanted = [...this.#entries].filter(([, { slot }]) => slots.has(slot));
        const half = Math.floor(wanted.length / 2);
        await pause();
        for (const [key, entry] of wanted.slice(0, half)) merge(key, entry);
        await pause();
        for (const [key, entry] of wanted.slice(half)) merge(key, entry);
      },
    };
  }
}
