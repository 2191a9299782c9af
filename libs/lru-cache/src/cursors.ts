import type { ListObserver } from './entry-table.js';

/** Where an iterator goes next in the recency list; 0 is the end. */
interface Cursor {
  slot: number;
}

/**
 * The open iterators of a cache. When an entry leaves its place in the list, every cursor that points at it steps on
 * to the entry behind it, so iteration goes on whatever the loop body does to the cache. Cursors are held weakly: an
 * iterator that is dropped half-way costs nothing once it has been collected.
 */
export class Cursors implements ListObserver {
  #cursors: WeakRef<Cursor>[] = [];

  get open(): number {
    return this.#cursors.length;
  }

  /** The slots of a list in its order. `after(0)` is its first, and 0 comes after its last. */
  *walk(list: { after(slot: number): number }): Generator<number, void> {
    const cursor: Cursor = { slot: list.after(0) };
    this.#cursors.push(new WeakRef(cursor));
    try {
      while (cursor.slot !== 0) {
        const { slot } = cursor;
        cursor.slot = list.after(slot);
        yield slot;
      }
    } finally {
      this.#each((other) => other !== cursor);
    }
  }

  leaving(slot: number, next: number): void {
    this.#each((cursor) => {
      if (cursor.slot === slot) cursor.slot = next;
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
