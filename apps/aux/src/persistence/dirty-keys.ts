import type { Version } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import type { Store } from '../node/store.js';
import type { EntryFile } from './entry-file.js';
import { Steps } from './steps.js';

/** Beyond, keys are not remembered one by one: all of the store, and of the file, is gone through. */
const MAX_KEYS = 1_000_000;
/** What a mark can hold. */
const MAX_TURN = 255;

/**
 * Where the store and the entry file may differ. A key that is written again and again between two checkpoints costs one
 * look at its entry's place in the store's table, not one at the set.
 */
export class DirtyKeys {
  #keys = new Set<string>();
  /** By place: in which turn its key was last put into the set; 0 = in none. */
  #marks = new Uint8Array(0);
  #turn = 1;
  /** Of the checkpoint that is under way. */
  #taken = new Set<string>();
  #everything = false;
  #takenEverything = false;
  /** Of a flush that the file does not know of. */
  #floor: Version | undefined;
  #takenFloor: Version | undefined;

  /** Keys that await a checkpoint. */
  get size(): number {
    return this.#keys.size + this.#taken.size;
  }

  /** Keys that the next checkpoint will take. */
  get waiting(): number {
    return this.#keys.size;
  }

  /** Whether the file holds what the store holds. */
  get isClean(): boolean {
    return this.isEmpty && this.#taken.size === 0 && !this.#takenEverything && this.#takenFloor === undefined;
  }

  /** Whether the next checkpoint would find nothing. */
  get isEmpty(): boolean {
    return this.#keys.size === 0 && !this.#everything && this.#floor === undefined;
  }

  /** Of the last flush that is not in the file yet. */
  get floor(): Version | undefined {
    return this.#floor ?? this.#takenFloor;
  }

  /** @param places in the store's table: see `Store.onChange` */
  begin(places: number): void {
    this.#marks = new Uint8Array(places + 1);
  }

  /** Another key has come to this place. */
  moved(place: number): void {
    this.#marks[place] = 0;
  }

  /** @param place of the key's live entry, 0 if there is none */
  mark(key: string, place = 0): void {
    if (this.#everything) return;
    if (place !== 0) {
      if (this.#marks[place] === this.#turn) return;
      this.#marks[place] = this.#turn;
    }
    this.#keys.add(key);
    if (this.#keys.size > MAX_KEYS) this.markEverything();
  }

  markEverything(): void {
    this.#keys.clear();
    this.#everything = true;
  }

  /** The store has let go of everything: whatever comes to a place from now on is another key's. */
  flush(floor: Version): void {
    this.#keys.clear();
    this.#everything = false;
    this.#floor = floor;
  }

  /** Begins a checkpoint: what is marked from now on is the next one's. */
  take(): void {
    [this.#keys, this.#taken] = [this.#taken, this.#keys];
    this.#nextTurn();
    this.#takenEverything = this.#everything;
    this.#everything = false;
    this.#takenFloor = this.#floor;
    this.#floor = undefined;
  }

  #nextTurn(): void {
    this.#turn = (this.#turn % MAX_TURN) + 1;
    if (this.#turn === 1) this.#marks.fill(0);
  }

  /** The checkpoint has succeeded. */
  settle(): void {
    this.#taken.clear();
    this.#takenEverything = false;
    this.#takenFloor = undefined;
  }

  /** The checkpoint has failed: what it took is dirty still. */
  giveBack(): void {
    if (this.#takenEverything) this.markEverything();
    // After a newer flush these keys hold nothing, which the next checkpoint sees for itself.
    for (const key of this.#taken) this.mark(key);
    this.#floor ??= this.#takenFloor;
    this.settle();
  }

  /** Bytes of what the store holds of the taken keys. */
  async takenBytes(store: Store): Promise<number> {
    if (this.#takenEverything) return store.bytes;
    const steps = new Steps();
    let bytes = 0;
    for (const key of this.#taken) {
      bytes += key.length + (store.lookup(key)?.framed.length ?? 0);
      if (steps.isOver()) await steps.pause();
    }
    return bytes;
  }

  get taken(): number {
    return this.#takenEverything ? Infinity : this.#taken.size;
  }

  /** Brings the file to what the store holds of the taken keys now, in steps; the caller awaits the commit. */
  async writeTaken(store: Store, file: EntryFile): Promise<void> {
    const steps = new Steps();
    const write = (key: string, entry: Entry | undefined): void => {
      if (entry === undefined) file.remove(key);
      else file.put(key, entry);
    };
    if (this.#takenFloor !== undefined) file.clear();
    for (const key of this.#taken) {
      write(key, store.lookup(key));
      if (file.isFull) await file.committed();
      if (steps.isOver()) await steps.pause();
    }
    if (!this.#takenEverything) return;
    for (const key of file.keys()) {
      if (store.lookup(key) === undefined) write(key, undefined);
      if (file.isFull) await file.committed();
      if (steps.isOver()) await steps.pause();
    }
    for (const page of pagesOf(store)) {
      for (const [key, entry] of page) {
        write(key, entry);
        if (file.isFull) await file.committed();
      }
      if (steps.isOver(page.length)) await steps.pause();
    }
  }

  /** Pages of what the store holds now of all keys that are not known to be in the file. */
  *present(store: Store): Generator<[key: string, entry: Entry][]> {
    if (this.#everything || this.#takenEverything) {
      yield* pagesOf(store);
      return;
    }
    let page: [string, Entry][] = [];
    for (const key of [...this.#keys, ...this.#taken]) {
      const entry = store.lookup(key);
      if (entry !== undefined) page.push([key, entry]);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    yield page;
  }
}

const PAGE = 256;

/** All entries and tombstones of a store; between two pages it may change. */
export function* pagesOf(store: Store): Generator<[key: string, entry: Entry][]> {
  let cursor: string | undefined = '0';
  do {
    const page: [string, Entry][] = [];
    cursor = store.scanAll(cursor, PAGE, (key, entry) => {
      page.push([key, entry]);
      return true;
    });
    yield page;
  } while (cursor !== undefined && cursor !== '0');
}
