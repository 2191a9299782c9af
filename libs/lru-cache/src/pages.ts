import { LruCacheError } from './errors.js';

const SMALLEST_PAGE_BITS = 12;
const LARGEST_PAGE_BITS = 16;
/** A cache has at least this many pages, until a page has its largest size. */
const PAGES_WANTED_BITS = 10;
const LARGEST_REGION_BITS = 24;
/** Addresses count units of 8 bytes in 32 bits. */
const ADDRESS_BITS = 32;
const UNIT_BITS = 3;

/**
 * What a page costs beside its bytes: its row in the tables of the allocator, and the JavaScript objects of its region
 * or of the view on it.
 */
export const PAGE_OVERHEAD_BYTES = 192;

/** The page size for a cache of so many bytes: 1/1024 of it, but 4 KiB at least and 64 KiB at most, a power of two. */
export function pageBitsFor(maxBytes: number): number {
  const bits = Math.floor(Math.log2(maxBytes)) - PAGES_WANTED_BITS;
  return Math.min(Math.max(bits, SMALLEST_PAGE_BITS), LARGEST_PAGE_BITS);
}

/**
 * Memory outside the JavaScript heap in pages of one size. Pages lie in regions of at most 16 MiB, each one
 * `ArrayBuffer`, which are reserved as pages are needed. Page 0 does not exist, so that 0 can mean none.
 *
 * An address is an int32 that counts units of 8 bytes: the region in the high bits, the place in it in the low ones.
 */
export class Pages {
  readonly pageBits: number;
  readonly pageBytes: number;
  /** Most pages that may be in use at a time. */
  max: number;
  /** Pages in use. */
  used = 0;
  /** The regions, each as bytes, as words and as a view of any type. */
  readonly bytes: Uint8Array[] = [];
  readonly words: Int32Array[] = [];
  readonly views: DataView[] = [];
  /** `address >>> regionShift` is the region; `(address & unitMask) << 3` the byte in it. */
  readonly regionShift: number;
  readonly unitMask: number;
  /** `address >>> pageShift` is the page. */
  readonly pageShift: number;

  readonly #regionBytes: number;
  /** Pages that were in use and are not, the last one released first. */
  #free: number[] = [];
  /** One past the highest page ever used. */
  #end = 1;

  /** @param pageBits of the size of a page @param max most pages in use at a time */
  constructor(pageBits: number, max: number) {
    this.pageBits = pageBits;
    this.pageBytes = 2 ** pageBits;
    this.max = max;
    const regionBits = Math.min(LARGEST_REGION_BITS, pageBits + Math.ceil(Math.log2(max + 1)));
    this.#regionBytes = 2 ** regionBits;
    this.regionShift = regionBits - UNIT_BITS;
    this.unitMask = 2 ** this.regionShift - 1;
    this.pageShift = pageBits - UNIT_BITS;
  }

  /** Bytes of the pages that have been used since the regions were reserved: what stays with the process. */
  get touchedBytes(): number {
    return (this.#end - 1) * this.pageBytes;
  }

  /** One past the highest page there is room for. */
  get room(): number {
    return (this.bytes.length * this.#regionBytes) >>> this.pageBits;
  }

  /**
   * A page, its bytes as they were left; 0 when all are in use.
   * @throws LruCacheError `ERR_ALLOCATION` when the system gives no memory and no page is in use
   */
  take(): number {
    if (this.used >= this.max) return 0;
    let page = this.#free.pop();
    if (page === undefined) {
      if (this.#end >= this.room && !this.#reserve()) return 0;
      page = this.#end++;
    }
    this.used++;
    return page;
  }

  release(page: number): void {
    this.used--;
    this.#free.push(page);
  }

  /** The address of the first byte of a page. */
  addressOf(page: number): number {
    return page << this.pageShift;
  }

  /** The page as words. */
  wordsOf(page: number): Int32Array {
    const address = this.addressOf(page);
    const at = (address & this.unitMask) << UNIT_BITS;
    return new Int32Array(this.bytes[address >>> this.regionShift]!.buffer, at, this.pageBytes >>> 2);
  }

  /** Lets go of everything. */
  clear(): void {
    this.bytes.length = this.words.length = this.views.length = 0;
    this.#free = [];
    this.#end = 1;
    this.used = 0;
  }

  /** Another region. Where the system refuses it, the cache goes on with what it has. */
  #reserve(): boolean {
    if (this.bytes.length >= 2 ** (ADDRESS_BITS - this.regionShift)) return false;
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(this.#regionBytes);
    } catch (cause) {
      if (this.used > 0) return false;
      throw new LruCacheError('ERR_ALLOCATION', `${this.#regionBytes} bytes could not be reserved`, cause);
    }
    this.bytes.push(new Uint8Array(buffer));
    this.words.push(new Int32Array(buffer));
    this.views.push(new DataView(buffer));
    return true;
  }
}
