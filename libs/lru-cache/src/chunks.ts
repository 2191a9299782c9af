import type { Pages } from './pages.js';
import type { SizeClasses } from './size-classes.js';

// A local: see hash.ts.
const clz32 = Math.clz32;

/** The first word of a chunk that is free; the second leads to the next free chunk of its page. */
const FREE = -1;
/** Pages of a class that have free chunks are listed by how full they are, in eighths. */
const LEVEL_BITS = 3;
const LEVELS = 1 << LEVEL_BITS;
const NO_CLASS = 255;

/**
 * The allocator: pages that belong to a size class and are cut into its chunks. A chunk comes from the fullest page that
 * has a free one, so that others empty; an empty page is given back, and may become another class's.
 *
 * The first word of a chunk in use is its owner's and never negative. Every operation is O(1), but for
 * {@link emptiest}, O(classes).
 */
export class Chunks {
  /** Pages that are cut into chunks. */
  pages = 0;
  /** Bytes of the free chunks of all pages. */
  freeBytes = 0;

  readonly #pages: Pages;
  readonly #classes: SizeClasses;
  /** Free chunks by class. */
  readonly #freeChunks: Int32Array;
  /** The first page by class and level, and a bit for each level that has one. */
  readonly #heads: Int32Array;
  readonly #levels: Uint8Array;

  // By page.
  #class = new Uint8Array(0);
  #live = new Uint16Array(0);
  /** Chunks that have been in use; those behind them never were, and are free without being listed. */
  #begun = new Uint16Array(0);
  #free = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);

  constructor(pages: Pages, classes: SizeClasses) {
    this.#pages = pages;
    this.#classes = classes;
    this.#freeChunks = new Int32Array(classes.sizes.length);
    this.#heads = new Int32Array(classes.sizes.length << LEVEL_BITS);
    this.#levels = new Uint8Array(classes.sizes.length);
  }

  /** The address of a chunk of the class; 0 when it has none free and there is no page. */
  take(size: number): number {
    const level = 31 - clz32(this.#levels[size]!);
    const page = level < 0 ? this.#cut(size) : this.#heads[(size << LEVEL_BITS) + level]!;
    if (page === 0) return 0;
    const bytes = this.#classes.sizes[size]!;
    let chunk = this.#free[page]!;
    if (chunk !== 0) {
      const pages = this.#pages;
      this.#free[page] = pages.words[chunk >>> pages.regionShift]![((chunk & pages.unitMask) << 1) + 1]!;
    } else {
      chunk = (this.#pages.addressOf(page) + this.#begun[page]! * (bytes >>> 3)) | 0;
      this.#begun[page]!++;
    }
    this.#count(page, size, 1);
    return chunk;
  }

  /** Gives a chunk back. */
  give(chunk: number): void {
    const pages = this.#pages;
    const page = chunk >>> pages.pageShift;
    const words = pages.words[chunk >>> pages.regionShift]!;
    const at = (chunk & pages.unitMask) << 1;
    words[at] = FREE;
    words[at + 1] = this.#free[page]!;
    this.#free[page] = chunk;
    this.#count(page, this.#class[page]!, -1);
    if (this.#live[page] === 0) this.#drop(page);
  }

  /**
   * Of the pages whose chunks in use fit into the free chunks of other pages of their class, the one with the fewest
   * bytes in use; 0 when there is none.
   */
  emptiest(): number {
    let found = 0;
    let least = Infinity;
    for (let size = 0; size < this.#freeChunks.length; size++) {
      if (this.#freeChunks[size]! < this.#classes.perPage[size]!) continue;
      const levels = this.#levels[size]!;
      const page = this.#heads[(size << LEVEL_BITS) + 31 - clz32(levels & -levels)]!;
      const bytes = this.#live[page]! * this.#classes.sizes[size]!;
      if (bytes < least) {
        least = bytes;
        found = page;
      }
    }
    return found;
  }

  /**
   * Moves what is in use in a page of {@link emptiest} to other pages and gives the page back.
   * @param move called with the addresses of a chunk and of the one that it moves to, and its bytes
   */
  empty(page: number, move: (from: number, to: number, bytes: number) => void): void {
    const size = this.#class[page]!;
    const bytes = this.#classes.sizes[size]!;
    const pages = this.#pages;
    // Its free chunks are not to be taken: it leaves its list, and they are not counted.
    this.#unlist(page, size, this.#level(page, size));
    this.#addFree(size, this.#live[page]! - this.#classes.perPage[size]!);
    let chunk = pages.addressOf(page);
    const words = pages.words[chunk >>> pages.regionShift]!;
    for (let i = 0; i < this.#begun[page]!; i++) {
      if (words[(chunk & pages.unitMask) << 1]! >= 0) move(chunk, this.take(size), bytes);
      chunk = (chunk + (bytes >>> 3)) | 0;
    }
    this.#release(page);
  }

  /** Forgets everything; the pages were given back as a whole. */
  clear(): void {
    this.pages = this.freeBytes = 0;
    this.#freeChunks.fill(0);
    this.#heads.fill(0);
    this.#levels.fill(0);
    this.#class = new Uint8Array(0);
    this.#resize(0);
  }

  #cut(size: number): number {
    const page = this.#pages.take();
    if (page === 0) return 0;
    if (page >= this.#class.length) this.#resize(this.#pages.room);
    this.#class[page] = size;
    this.#live[page] = this.#begun[page] = this.#free[page] = 0;
    this.pages++;
    this.#addFree(size, this.#classes.perPage[size]!);
    this.#list(page, size, 0);
    return page;
  }

  #drop(page: number): void {
    const size = this.#class[page]!;
    this.#unlist(page, size, 0);
    this.#addFree(size, -this.#classes.perPage[size]!);
    this.#release(page);
  }

  #release(page: number): void {
    this.#class[page] = NO_CLASS;
    this.pages--;
    this.#pages.release(page);
  }

  #addFree(size: number, chunks: number): void {
    this.#freeChunks[size]! += chunks;
    this.freeBytes += chunks * this.#classes.sizes[size]!;
  }

  /** One chunk of a page more or less in use. */
  #count(page: number, size: number, change: 1 | -1): void {
    const before = this.#level(page, size);
    this.#live[page]! += change;
    this.#addFree(size, -change);
    const after = this.#level(page, size);
    if (before === after) return;
    if (before < LEVELS) this.#unlist(page, size, before);
    if (after < LEVELS) this.#list(page, size, after);
  }

  /** {@link LEVELS} for a page that is full. */
  #level(page: number, size: number): number {
    return ((this.#live[page]! << LEVEL_BITS) / this.#classes.perPage[size]!) | 0;
  }

  #list(page: number, size: number, level: number): void {
    const list = (size << LEVEL_BITS) + level;
    const first = this.#heads[list]!;
    this.#next[page] = first;
    this.#previous[page] = 0;
    if (first !== 0) this.#previous[first] = page;
    this.#heads[list] = page;
    this.#levels[size]! |= 1 << level;
  }

  #unlist(page: number, size: number, level: number): void {
    const list = (size << LEVEL_BITS) + level;
    const next = this.#next[page]!;
    const previous = this.#previous[page]!;
    if (next !== 0) this.#previous[next] = previous;
    if (previous !== 0) this.#next[previous] = next;
    else {
      this.#heads[list] = next;
      if (next === 0) this.#levels[size]! &= ~(1 << level);
    }
  }

  #resize(pages: number): void {
    const grown = <T extends Uint8Array | Uint16Array | Int32Array>(to: T, from: T): T => {
      to.set(from.subarray(0, pages));
      return to;
    };
    const known = this.#class.length;
    this.#class = grown(new Uint8Array(pages), this.#class).fill(NO_CLASS, known);
    this.#live = grown(new Uint16Array(pages), this.#live);
    this.#begun = grown(new Uint16Array(pages), this.#begun);
    this.#free = grown(new Int32Array(pages), this.#free);
    this.#next = grown(new Int32Array(pages), this.#next);
    this.#previous = grown(new Int32Array(pages), this.#previous);
  }
}
