import { compareVersions, type Version } from '@dcs/protocol';
import { afterAbsence, type Entry, isOverAfter, sizeOf } from '../node/entry.js';
import type { Store } from '../node/store.js';
import type { EntryFile, EntrySummary } from './entry-file.js';
import type { Journal } from './journal.js';
import { RecordReader } from './journal-record.js';
import { sortInSteps, Steps } from './steps.js';

export interface LoaderOptions {
  readonly file: EntryFile;
  readonly journal: Journal;
  readonly now: () => number;
  /** Since the disk was last in use: so much longer its deletes are remembered. */
  readonly absentMs: number;
  /** The file holds something else for this key than the store. */
  readonly onDifference: (key: string) => void;
  /** Runs changes of the store that come from the disk, and need not go there. */
  readonly apply: <T>(from: 'file' | 'journal', change: () => T) => T;
}

/** Reads a disk into a store: first the entry file, then the journal's files in order. */
export class Loader {
  damaged = 0;
  loaded = 0;
  readonly #options: LoaderOptions;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  async load(store: Store, floor: Version): Promise<void> {
    this.#raiseFloor(store, floor, 'file');
    await this.#loadFile(store);
    for (const part of this.#options.journal.older) {
      const reader = new RecordReader(await this.#options.journal.read(part), part.salt);
      await this.#replay(store, reader);
      this.damaged += reader.damaged;
    }
  }

  /** Of what the file has, the most recent as far as it fits, oldest first: then the most recent stay longest. */
  async #loadFile(store: Store): Promise<void> {
    const { file, onDifference, apply, absentMs } = this.#options;
    const summaries = await this.#summaries();
    await sortInSteps(summaries, (a, b) => a.ms - b.ms || a.low - b.low);
    const fits = await firstThatFits(summaries, store);
    const steps = new Steps();
    for (const [at, { key, tombstone }] of summaries.entries()) {
      const entry = at >= fits || tombstone ? file.get(key) : undefined;
      if (entry === undefined && (at >= fits || tombstone)) this.damaged++;
      const found = entry === undefined ? undefined : afterAbsence(entry, absentMs);
      const isLoaded = found !== undefined && apply('file', () => store.merge(key, found)) === 'applied';
      if (isLoaded) this.loaded++;
      const isSame = found === entry && (entry?.expiresAt === 0 || store.lookup(key) === entry);
      if (!isLoaded || !isSame) onDifference(key);
      if (steps.isOver()) await steps.pause();
    }
  }

  async #summaries(): Promise<EntrySummary[]> {
    const { file, now, onDifference, absentMs } = this.#options;
    const summaries: EntrySummary[] = [];
    const steps = new Steps();
    for (const { key, summary } of file.summaries()) {
      if (summary === undefined) this.damaged++;
      if (summary !== undefined && !isOverAfter(summary, summary.tombstone, absentMs, now())) summaries.push(summary);
      else onDifference(key);
      if (steps.isOver()) await steps.pause();
    }
    return summaries;
  }

  async #replay(store: Store, reader: RecordReader): Promise<void> {
    const { apply, onDifference, absentMs } = this.#options;
    const steps = new Steps();
    let floor: Version | undefined;
    let entries = 0;
    const visitor = {
      entry: (key: string, entry: Entry) => {
        entries++;
        // One that has expired counts too: its version beats older ones in the file.
        const found = afterAbsence(entry, absentMs);
        if (apply('journal', () => store.merge(key, found)) === 'applied') this.loaded++;
        onDifference(key);
      },
      flush: (version: Version) => (floor = version),
    };
    for (let more = true; more; ) {
      entries = 0;
      more = reader.read(visitor);
      if (floor !== undefined) this.#raiseFloor(store, floor, 'journal');
      floor = undefined;
      if (steps.isOver(entries)) await steps.pause();
    }
  }

  /** A flush, except for what is newer than it. */
  #raiseFloor(store: Store, floor: Version, from: 'file' | 'journal'): void {
    if (compareVersions(floor, store.floor) <= 0) return;
    const newer: [string, Entry][] = [];
    store.scanAll('0', Number.MAX_SAFE_INTEGER, (key, entry) => {
      if (compareVersions(entry, floor) > 0) newer.push([key, entry]);
      return true;
    });
    this.#options.apply(from, () => {
      store.flush(floor);
      for (const [key, entry] of newer) store.merge(key, entry);
    });
  }
}

/** Where in the summaries, oldest first, the live entries begin that fit into the store together. */
async function firstThatFits(summaries: readonly EntrySummary[], store: Store): Promise<number> {
  const steps = new Steps();
  let entries = store.size;
  let bytes = store.bytes;
  for (let at = summaries.length; at > 0; at--) {
    const { tombstone, key, framedBytes } = summaries[at - 1]!;
    if (tombstone) continue;
    entries++;
    bytes += sizeOf(key.length, framedBytes);
    if (entries > store.maxEntries || bytes > store.maxBytes) return at;
    if (steps.isOver()) await steps.pause();
  }
  return 0;
}
