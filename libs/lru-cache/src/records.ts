import type { Chunks } from './chunks.js';
import type { Pages } from './pages.js';
import type { PlaceIndex } from './place-index.js';
import type { SizeClasses } from './size-classes.js';

/*
 * A record, in one chunk:
 *
 *   0       4             8                14         16
 *   [place  value length  expiry (uint48)  key length | header | key | value ]
 *
 * A record that is longer than the largest chunk goes on in others. All but the last are of the largest class, and end
 * with the address of the next; a chunk that goes on begins with the place, marked.
 *
 *   [place  value length  expiry  key length | header | key | val  next] -> [place*  ue ... next] -> [place*  ... ]
 *
 * A place without an entry is never 0x40000000 or more, and the word of a free chunk is negative.
 */
export const RECORD_HEAD_BYTES = 16;
const WORD_BYTES = 4;
const CONTINUES = 0x4000_0000;
const PLACE_MASK = CONTINUES - 1;
const HIGH = 2 ** 32;
/** Up to this many bytes a loop is faster than a call. */
const SHORT_COPY_BYTES = 48;

/** What a visit is given: `length` of `bytes`, from `start` on. They are the cache's own: only to be read, and at once. */
export type VisitBytes = (bytes: Uint8Array, start: number, length: number) => void;

/** Reads and writes the records of places, and keeps the places' addresses. */
export class Records {
  /** Records moved to other pages. */
  moved = 0;

  readonly #pages: Pages;
  readonly #chunks: Chunks;
  readonly #classes: SizeClasses;
  readonly #index: PlaceIndex;
  readonly #dataAt: number;
  readonly #largest: number;
  readonly #nextWord: number;
  /** The last chunk of the record that is being allocated. */
  #tail = 0;

  constructor(pages: Pages, chunks: Chunks, classes: SizeClasses, index: PlaceIndex, headerBytes: number) {
    this.#pages = pages;
    this.#chunks = chunks;
    this.#classes = classes;
    this.#index = index;
    this.#dataAt = RECORD_HEAD_BYTES + headerBytes;
    this.#largest = classes.largest;
    this.#nextWord = classes.largest / WORD_BYTES - 1;
  }

  /** Bytes of a record, its chunks' rounding aside. */
  lengthOf(keyLength: number, valueLength: number): number {
    return this.#dataAt + keyLength + valueLength;
  }

  keyLength(place: number): number {
    return this.#word(this.#index.address(place), 3) >>> 16;
  }

  valueLength(place: number): number {
    return this.#word(this.#index.address(place), 1) >>> 0;
  }

  /** When the entry expires, 0 = never. */
  expiresAt(place: number): number {
    const address = this.#index.address(place);
    return (this.#word(address, 3) & 0xffff) * HIGH + (this.#word(address, 2) >>> 0);
  }

  setExpiry(place: number, expiresAt: number): void {
    const address = this.#index.address(place);
    const words = this.#pages.words[address >>> this.#pages.regionShift]!;
    const at = (address & this.#pages.unitMask) << 1;
    words[at + 2] = expiresAt % HIGH | 0;
    words[at + 3] = (words[at + 3]! & 0xffff_0000) | Math.floor(expiresAt / HIGH);
  }

  /** The region of the place's header, as a view, and through {@link headerAt} where it begins. */
  headerView(place: number): DataView {
    return this.#pages.views[this.#index.address(place) >>> this.#pages.regionShift]!;
  }

  headerAt(place: number): number {
    return ((this.#index.address(place) & this.#pages.unitMask) << 3) + RECORD_HEAD_BYTES;
  }

  /** Whether the key of the place is this one. */
  hasKey(place: number, key: Uint8Array, start: number, length: number): boolean {
    const address = this.#index.address(place);
    const pages = this.#pages;
    const region = address >>> pages.regionShift;
    const unit = address & pages.unitMask;
    const words = pages.words[region]!;
    if (words[(unit << 1) + 3]! >>> 16 !== length) return false;
    if (this.#dataAt + length > this.#largest - WORD_BYTES) return this.#hasLongKey(place, key, start, length);
    const bytes = pages.bytes[region]!;
    const at = (unit << 3) + this.#dataAt;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== key[start + i]) return false;
    return true;
  }

  /** Copies `length` bytes of the key and the value behind it, from `from` on. */
  read(place: number, from: number, length: number, target: Uint8Array, at: number): void {
    const address = this.#index.address(place);
    if (this.#totalAt(address) <= this.#largest) {
      const pages = this.#pages;
      const start = ((address & pages.unitMask) << 3) + this.#dataAt + from;
      return copy(pages.bytes[address >>> pages.regionShift]!, start, target, at, length);
    }
    let to = at;
    this.visit(place, from, length, (bytes, start, part) => {
      copy(bytes, start, target, to, part);
      to += part;
    });
  }

  /** Calls `visit` for the bytes of the key and the value behind it from `from` on, chunk by chunk. */
  visit(place: number, from: number, length: number, visit: VisitBytes): void {
    this.#walk(this.#index.address(place), this.#dataAt + from, length, this.#total(place), visit);
  }

  /**
   * Chunks for a record of `length` bytes at a place that has none.
   * @param chunk gives the address of a chunk of a class, and may move other chunks
   */
  allocate(place: number, length: number, chunk: (size: number) => number): void {
    const first = chunk(this.#classes.of(Math.min(length, this.#largest)));
    this.#setWord(first, 0, place);
    this.#index.setAddress(place, first);
    if (length <= this.#largest) return;
    this.#setWord(first, this.#nextWord, 0);
    this.#tail = first;
    for (let left = length - (this.#largest - WORD_BYTES); left > 0; ) {
      const isLast = left + WORD_BYTES <= this.#largest;
      const next = chunk(this.#classes.of(isLast ? left + WORD_BYTES : this.#largest));
      this.#setWord(next, 0, place | CONTINUES);
      if (!isLast) this.#setWord(next, this.#nextWord, 0);
      this.#setWord(this.#tail, this.#nextWord, next);
      this.#tail = next;
      left -= isLast ? left : this.#largest - 2 * WORD_BYTES;
    }
    this.#tail = 0;
  }

  /** Writes a record into its chunks, with zeros for its header. */
  write(
    place: number,
    expiresAt: number,
    key: Uint8Array,
    keyStart: number,
    keyLength: number,
    value: Uint8Array,
    valueStart: number,
    valueLength: number,
  ): void {
    const address = this.#index.address(place);
    const pages = this.#pages;
    const region = address >>> pages.regionShift;
    const words = pages.words[region]!;
    const word = (address & pages.unitMask) << 1;
    words[word + 1] = valueLength | 0;
    words[word + 2] = expiresAt === 0 ? 0 : expiresAt % HIGH | 0;
    words[word + 3] = (keyLength << 16) | (expiresAt === 0 ? 0 : Math.floor(expiresAt / HIGH));
    const bytes = pages.bytes[region]!;
    const at = (word << 2) + this.#dataAt;
    for (let i = (word << 2) + RECORD_HEAD_BYTES; i < at; i++) bytes[i] = 0;
    const total = this.#dataAt + keyLength + valueLength;
    if (total <= this.#largest) {
      copy(key, keyStart, bytes, at, keyLength);
      copy(value, valueStart, bytes, at + keyLength, valueLength);
      return;
    }
    let from = keyStart;
    const fill = (source: Uint8Array) => (bytes: Uint8Array, start: number, part: number) => {
      copy(source, from, bytes, start, part);
      from += part;
    };
    this.#walk(address, this.#dataAt, keyLength, total, fill(key));
    from = valueStart;
    this.#walk(address, this.#dataAt + keyLength, valueLength, total, fill(value));
  }

  /** Whether a record of `length` bytes takes the chunks that the place's record has. */
  fitsInPlace(place: number, length: number): boolean {
    const old = this.#total(place);
    if (length <= this.#largest && old <= this.#largest) return this.#classes.of(length) === this.#classes.of(old);
    return length > this.#largest && this.#shape(length) === this.#shape(old);
  }

  /** Frees the chunks of the place's record. */
  free(place: number): void {
    const first = this.#index.address(place);
    const total = this.#total(place);
    if (total > this.#largest) {
      // The address of the next is read before a chunk is freed.
      this.#eachRest(first, total, (chunk) => this.#chunks.give(chunk));
    }
    this.#chunks.give(first);
    this.#index.setAddress(place, 0);
  }

  /** Frees what {@link allocate} had allocated when it failed. */
  abandon(place: number): void {
    for (let chunk = this.#index.address(place); chunk !== 0; ) {
      const next = this.#word(chunk, this.#nextWord);
      this.#chunks.give(chunk);
      chunk = next;
    }
    this.#index.setAddress(place, 0);
    this.#tail = 0;
  }

  /** Moves a chunk: see {@link Chunks.empty}. */
  readonly move = (from: number, to: number, bytes: number): void => {
    const pages = this.#pages;
    const source = pages.words[from >>> pages.regionShift]!;
    const target = pages.words[to >>> pages.regionShift]!;
    const at = (from & pages.unitMask) << 1;
    const destination = (to & pages.unitMask) << 1;
    const length = bytes >>> 2;
    if (bytes <= 256) for (let i = 0; i < length; i++) target[destination + i] = source[at + i]!;
    else if (source === target) source.copyWithin(destination, at, at + length);
    else target.set(source.subarray(at, at + length), destination);
    const owner = source[at]!;
    this.moved++;
    if (this.#tail === from) this.#tail = to;
    if ((owner & CONTINUES) === 0) return this.#index.setAddress(owner, to);
    let chunk = this.#index.address(owner & PLACE_MASK);
    for (let next = this.#word(chunk, this.#nextWord); next !== from; next = this.#word(chunk, this.#nextWord)) {
      chunk = next;
    }
    this.#setWord(chunk, this.#nextWord, to);
  };

  #total(place: number): number {
    return this.#totalAt(this.#index.address(place));
  }

  #totalAt(address: number): number {
    return this.#dataAt + (this.#word(address, 3) >>> 16) + (this.#word(address, 1) >>> 0);
  }

  /** What tells apart records in several chunks: how many, and the class of the last. */
  #shape(length: number): number {
    const perChunk = this.#largest - 2 * WORD_BYTES;
    const rest = length - (this.#largest - WORD_BYTES);
    const full = Math.max(0, Math.ceil((rest + WORD_BYTES - this.#largest) / perChunk));
    return full * this.#classes.sizes.length + this.#classes.of(rest - full * perChunk + WORD_BYTES);
  }

  /** Calls `visit` with the chunks behind the first of a record of `total` bytes; it may free them. */
  #eachRest(first: number, total: number, visit: (chunk: number) => void): void {
    if (total <= this.#largest) return;
    let chunk = this.#word(first, this.#nextWord);
    for (let left = total - (this.#largest - WORD_BYTES); ; ) {
      const isLast = left + WORD_BYTES <= this.#largest;
      const next = isLast ? 0 : this.#word(chunk, this.#nextWord);
      visit(chunk);
      if (isLast) return;
      left -= this.#largest - 2 * WORD_BYTES;
      chunk = next;
    }
  }

  /** Visits bytes `from` to `from + length` of a record of `total` bytes that begins at an address. */
  #walk(address: number, from: number, length: number, total: number, visit: VisitBytes): void {
    const pages = this.#pages;
    if (total <= this.#largest) {
      if (length > 0)
        visit(pages.bytes[address >>> pages.regionShift]!, ((address & pages.unitMask) << 3) + from, length);
      return;
    }
    // `begin` of the record lies in this chunk at `head`.
    let chunk = address;
    let begin = 0;
    let head = 0;
    for (let at = from, left = length; left > 0; ) {
      const isLast = head > 0 && total - begin + head <= this.#largest;
      const room = isLast ? total - begin : this.#largest - WORD_BYTES - head;
      if (at < begin + room) {
        const part = Math.min(left, begin + room - at);
        const offset = ((chunk & pages.unitMask) << 3) + head + at - begin;
        visit(pages.bytes[chunk >>> pages.regionShift]!, offset, part);
        at += part;
        left -= part;
      }
      if (left === 0) return;
      chunk = this.#word(chunk, this.#nextWord);
      begin += room;
      head = WORD_BYTES;
    }
  }

  #hasLongKey(place: number, key: Uint8Array, start: number, length: number): boolean {
    let same = true;
    let at = start;
    this.visit(place, 0, length, (bytes, from, part) => {
      for (let i = 0; same && i < part; i++) same = bytes[from + i] === key[at + i];
      at += part;
    });
    return same;
  }

  #word(address: number, word: number): number {
    const pages = this.#pages;
    return pages.words[address >>> pages.regionShift]![((address & pages.unitMask) << 1) + word]!;
  }

  #setWord(address: number, word: number, value: number): void {
    const pages = this.#pages;
    pages.words[address >>> pages.regionShift]![((address & pages.unitMask) << 1) + word] = value;
  }
}

/** As `target.set(source.subarray(from, from + length), at)`. */
export function copy(source: Uint8Array, from: number, target: Uint8Array, at: number, length: number): void {
  if (length > SHORT_COPY_BYTES) {
    target.set(length === source.length ? source : source.subarray(from, from + length), at);
  } else for (let i = 0; i < length; i++) target[at + i] = source[from + i]!;
}
