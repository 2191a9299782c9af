import type { ListObserver } from './entry-table.js';

/** Which end of the recency list a walk begins at. */
export type Order = 'newest' | 'oldest';

/** What an iterator has still to visit of the recency list: from `slot`, its next (0 when it is done), to `end`. */
interface Cursor {
  slot: number;
  end: number;
  readonly order: Order;
}

/** A recency list. Slot 0 stands before its first and behind its last. */
export interface RecencyList {
  /** The less recent neighbour. */
  after(slot: number): number;
  /** The more recent neighbour. */
  before(slot: number): number;
}

/**
 * The open iterators of a cache. When an entry leaves its place in the list, every cursor that points at it steps on
 * to the entry behind it, so iteration goes on whatever the loop body does to the cache. A walk ends where the list
 * ended when it began, so that one toward the most recent does not follow what becomes the most recent. Cursors are held weakly: an
 * iterator that is dropped half-way costs nothing once it has been collected.
 */
export class Cursors implements ListObserver {
  #cursors: WeakRef<Cursor>[] = [];

  get open(): number {
    return this.#cursors.length;
  }

  /** The slots of a list, from its most recent or its least recent. */
  *walk(list: RecencyList, order: Order = 'newest'): Generator<number, void> {
    const newest = list.after(0);
    const oldest = list.before(0);
    const cursor: Cursor =
      order === 'newest' ? { slot: newest, end: oldest, order } : { slot: oldest, end: newest, order };
    this.#cursors.push(new WeakRef(cursor));
    try {
      while (cursor.slot !== 0) {
        const { slot } = cursor;
        if (slot === cursor.end) cursor.slot = 0;
        else cursor.slot = order === 'newest' ? list.after(slot) : list.before(slot);
        yield slot;
      }
    } finally {
      this.#each((other) => other !== cursor);
    }
  }

  leaving(slot: number, older: number, newer: number): void {
    this.#each((cursor) => {
      const onward = cursor.order === 'newest';
      if (cursor.slot === slot) cursor.slot = slot === cursor.end ? 0 : onward ? older : newer;
      else if (cursor.end === slot && cursor.slot !== 0) cursor.end = onward ? newer : older;
      return true;
    });
  }

  /** Ends every open iteration: the list that they walked is gone. */
  closing(): void {
    this.#each((cursor) => {
      cursor.slot = 0;
      return false;
    });
  }

  /** Keeps the cursors for which `keep` is true; forgets those that were collected. */
  #each(keep: (cursor: Cursor) => boolean): void {
    const cursors = this.#cursors;
    let kept = 0;
    for (let i = 0; i < cursors.length; i++) {
      const cursor = cursors[i]!.deref();
      if (cursor !== undefined && keep(cursor)) cursors[kept++] = cursors[i]!;
    }
    cursors.length = kept;
  }
}
