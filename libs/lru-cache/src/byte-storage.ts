import { bytesOf, longestRecord, pageCount, pagesFor } from './byte-lru-options.js';
import { Chunks } from './chunks.js';
import { Cursors } from './cursors.js';
import { LruCacheError } from './errors.js';
import type { Pages } from './pages.js';
import { PlaceIndex } from './place-index.js';
import { Records } from './records.js';
import { SizeClasses } from './size-classes.js';

/** Records are moved once more than this part of their pages is free. */
const FREE_PART = 1 / 16;
/** Bytes of a chunk that link it to others. */
const LINK_BYTES = 8;

/**
 * The memory of a cache: one set of pages for records and index, and the rule by which it is freed when none is left.
 */
export class ByteStorage {
  readonly pages: Pages;
  readonly chunks: Chunks;
  readonly cursors = new Cursors();
  readonly index: PlaceIndex;
  readonly records: Records;
  /** Pages that were emptied by moving their records. */
  pagesMoved = 0;
  /** The longest record that fits beside the index. */
  longestRecord = 0;

  readonly #classes: SizeClasses;
  readonly #evict: (place: number) => void;
  /** Of the operation under way: the entry that is written, and the bytes of those that went for it. */
  #writing = 0;
  #evictedBytes = 0;

  /** @param evict removes the entry at a place: its record and the place itself */
  constructor(maxBytes: number | undefined, headerBytes: number, evict: (place: number) => void) {
    this.#evict = evict;
    this.pages = pagesFor(maxBytes);
    this.#classes = new SizeClasses(this.pages.pageBytes);
    this.chunks = new Chunks(this.pages, this.#classes);
    this.index = new PlaceIndex(this.pages, this.cursors);
    this.records = new Records(this.pages, this.chunks, this.#classes, this.index, headerBytes);
    this.#bound();
  }

  /** What counts against a bound: all memory of records and index, used and free, and the tables beside it. */
  get bytes(): number {
    return bytesOf(this.pages.used, this.pages.pageBytes);
  }

  /** A new entry, the most recent, with the chunks for a record of `length` bytes. Returns its place. */
  insert(hash: number, length: number): number {
    this.#evictedBytes = 0;
    while (!this.index.ready()) this.#reclaim();
    const place = this.index.insert(hash);
    this.#allocate(place, length);
    return place;
  }

  /** Gives the most recent entry other chunks, for a record of `length` bytes; what the old ones held is lost. */
  reallocate(place: number, length: number): void {
    this.#evictedBytes = 0;
    this.records.free(place);
    this.#allocate(place, length);
  }

  /** Changes the bound, and frees what is above it. */
  resize(maxBytes: number): void {
    this.pages.max = pageCount(maxBytes, this.pages.pageBytes);
    this.#bound();
    this.#evictedBytes = 0;
    while (this.pages.used > this.pages.max) this.#reclaim();
  }

  clear(): void {
    this.index.clear();
    this.chunks.clear();
    this.pages.clear();
  }

  #allocate(place: number, length: number): void {
    this.#writing = place;
    try {
      this.records.allocate(place, length, this.#chunk);
    } catch (error) {
      this.records.abandon(place);
      this.index.remove(place);
      throw error;
    } finally {
      this.#writing = 0;
    }
  }

  readonly #chunk = (size: number): number => {
    for (;;) {
      const chunk = this.chunks.take(size);
      if (chunk !== 0) return chunk;
      this.#reclaim();
    }
  };

  /**
   * Frees memory: where much of the records' pages is free, or this operation has evicted a page's worth, by moving the
   * records of one page to others; else by evicting the least recent entry. So nothing is moved while what is evicted is
   * about as large as what comes.
   */
  #reclaim(): void {
    const { pageBytes } = this.pages;
    const last = this.index.last;
    const canEvict = last !== 0 && last !== this.#writing;
    const free = this.chunks.freeBytes > this.chunks.pages * pageBytes * FREE_PART;
    if (free || this.#evictedBytes >= pageBytes || !canEvict) {
      const page = this.chunks.emptiest();
      if (page !== 0) {
        this.pagesMoved++;
        return this.chunks.empty(page, this.records.move);
      }
    }
    if (canEvict) {
      this.#evictedBytes += this.records.lengthOf(this.records.keyLength(last), this.records.valueLength(last));
      this.#evict(last);
    } else if (!this.index.trim()) {
      throw new LruCacheError('ERR_ALLOCATION', 'the system gives no memory for this entry');
    }
  }

  #bound(): void {
    const { largest, perPage } = this.#classes;
    this.longestRecord = longestRecord(this.pages, largest - LINK_BYTES, perPage[perPage.length - 1]!);
  }
}
