import type { ListObserver } from './entry-table.js';
import type { Pages } from './pages.js';

/*
 * A place is five words in a page of places: the neighbours in the recency list, the next place of its hash chain, its
 * hash, and the address of its record. Its number is the page's number among those of the index, and the place in it.
 *
 *   heads    [ 3 | 0 | 1 | ...                                  place that begins each bucket's chain, 0 = none
 *   places   [older newer chain hash address | older newer ...
 *
 * The buckets grow and shrink by linear hashing (Litwin, VLDB 1980), so that there is no rehash of the whole table.
 * Both kinds of pages are taken one at a time and given back when nothing is left in them.
 */
const OLDER = 0;
const NEWER = 1;
const CHAIN = 2;
const HASH = 3;
const ADDRESS = 4;
const WORDS = 5;
const FREE = -1;

const FIRST_BUCKETS = 8;
/** Average lengths of a chain at which buckets are split and merged. */
const SPLIT_ABOVE = 0.75;
const MERGE_BELOW = 0.35;
/** Merges for one removal: more than 1 / MERGE_BELOW, so that buckets go as fast as entries. */
const MERGES = 3;

/** The highest place there can be. */
export const MAX_PLACE = 2 ** 28 - 1;
/** Pages that an index without entries keeps at most: of heads, of places in use, and of places for the next entries. */
export const LEAST_INDEX_PAGES = 3;

/** A page of places. */
interface Segment {
  readonly page: number;
  readonly words: Int32Array;
  /** Places in use. */
  live: number;
  /** Places that have been in use; those behind them never were. */
  begun: number;
  /** The first free place of those that were, 0 = none. */
  free: number;
}

/**
 * A chained hash table and a doubly linked recency list over places, which lead to records. It knows nothing of keys:
 * {@link candidate} and {@link nextCandidate} give the places of a hash. Every operation is O(1) expected.
 */
export class PlaceIndex {
  size = 0;
  /** Pages that the index is made of. */
  pages = 0;

  readonly #pages: Pages;
  readonly #observer: ListObserver;
  readonly #segments: (Segment | undefined)[] = [];
  readonly #placeShift: number;
  readonly #placeMask: number;
  readonly #perPage: number;
  readonly #heads: Int32Array[] = [];
  readonly #headPages: number[] = [];
  readonly #headShift: number;
  readonly #headMask: number;
  /** Free places of all segments. */
  #spare = 0;
  /** No segment before this one has a free place. */
  #open = 0;
  #newest = 0;
  #oldest = 0;
  #buckets = FIRST_BUCKETS;
  #highMask = FIRST_BUCKETS - 1;
  #lowMask = (FIRST_BUCKETS >>> 1) - 1;

  constructor(pages: Pages, observer: ListObserver) {
    this.#pages = pages;
    this.#observer = observer;
    this.#perPage = Math.floor(pages.pageBytes / 4 / WORDS);
    this.#placeShift = Math.ceil(Math.log2(this.#perPage));
    this.#placeMask = 2 ** this.#placeShift - 1;
    this.#headShift = pages.pageBits - 2;
    this.#headMask = 2 ** this.#headShift - 1;
  }

  /** One past the highest place that may be in use. */
  get end(): number {
    return this.#segments.length << this.#placeShift;
  }

  /** The least recent place, 0 when there is none. */
  get last(): number {
    return this.#oldest;
  }

  /** The less recent neighbour; of 0 the most recent place. */
  after(place: number): number {
    return place === 0 ? this.#newest : this.#get(place, OLDER);
  }

  /** The more recent neighbour; of 0 the least recent place. */
  before(place: number): number {
    return place === 0 ? this.#oldest : this.#get(place, NEWER);
  }

  /** Whether an entry is at a place. */
  isLive(place: number): boolean {
    if (!(place > 0 && place < this.end)) return false;
    const segment = this.#segments[place >>> this.#placeShift];
    const at = place & this.#placeMask;
    return segment !== undefined && at < segment.begun && segment.words[at * WORDS + NEWER] !== FREE;
  }

  hash(place: number): number {
    return this.#get(place, HASH);
  }

  /** Where the record of a place is; 0 while it has none. */
  address(place: number): number {
    return this.#get(place, ADDRESS);
  }

  setAddress(place: number, address: number): void {
    this.#set(place, ADDRESS, address);
  }

  /** The first place whose hash this is, 0 when there is none. */
  candidate(hash: number): number {
    if (this.size === 0) return 0;
    const bucket = this.#bucketOf(hash);
    return this.#matching(this.#heads[bucket >>> this.#headShift]![bucket & this.#headMask]!, hash);
  }

  /** The next place with the hash of a place that {@link candidate} gave. */
  nextCandidate(place: number, hash: number): number {
    return this.#matching(this.#get(place, CHAIN), hash);
  }

  /** Takes the pages that one more entry needs; false when one is missing. */
  ready(): boolean {
    if (this.#heads.length << this.#headShift <= this.#buckets && this.size + 1 > this.#buckets * SPLIT_ABOVE) {
      if (!this.#addHeads()) return false;
    }
    if (this.#heads.length === 0 && !this.#addHeads()) return false;
    return this.#spare > 0 || this.#addSegment();
  }

  /** A new place, the most recent, without a record; {@link ready} was true. */
  insert(hash: number): number {
    const place = this.#take();
    const segment = this.#segments[place >>> this.#placeShift]!;
    const words = segment.words;
    const at = (place & this.#placeMask) * WORDS;
    const bucket = this.#bucketOf(hash);
    const heads = this.#heads[bucket >>> this.#headShift]!;
    words[at + CHAIN] = heads[bucket & this.#headMask]!;
    heads[bucket & this.#headMask] = place;
    words[at + HASH] = hash;
    words[at + ADDRESS] = 0;
    this.#link(place, words, at);
    this.size++;
    this.#split();
    return place;
  }

  /** Makes a place the most recent. */
  touch(place: number): void {
    if (this.#newest === place) return;
    const words = this.#segments[place >>> this.#placeShift]!.words;
    const at = (place & this.#placeMask) * WORDS;
    this.#unlink(place, words, at);
    this.#link(place, words, at);
  }

  /** Frees a place. */
  remove(place: number): void {
    const number = place >>> this.#placeShift;
    const segment = this.#segments[number]!;
    const at = (place & this.#placeMask) * WORDS;
    this.#unlink(place, segment.words, at);
    this.#unchain(place, segment.words[at + HASH]!, segment.words[at + CHAIN]!);
    segment.words[at + NEWER] = FREE;
    segment.words[at + OLDER] = segment.free;
    segment.free = place;
    segment.live--;
    this.#spare++;
    this.size--;
    if (number < this.#open) this.#open = number;
    if (segment.live === 0 && this.#spare - this.#capacity(number) >= this.#perPage >>> 1) this.#dropSegment(number);
    for (let i = 0; i < MERGES; i++) this.#merge();
  }

  /** Gives back the pages that nothing is in; whether there was one. */
  trim(): boolean {
    const before = this.pages;
    for (let number = 0; number < this.#segments.length; number++) {
      if (this.#segments[number]?.live === 0) this.#dropSegment(number);
    }
    return this.pages < before;
  }

  /** Forgets everything; the pages were given back as a whole. */
  clear(): void {
    this.#observer.closing();
    this.#segments.length = this.#heads.length = this.#headPages.length = 0;
    this.size = this.pages = this.#spare = this.#open = this.#newest = this.#oldest = 0;
    this.#buckets = FIRST_BUCKETS;
    this.#highMask = FIRST_BUCKETS - 1;
    this.#lowMask = (FIRST_BUCKETS >>> 1) - 1;
  }

  #get(place: number, word: number): number {
    return this.#segments[place >>> this.#placeShift]!.words[(place & this.#placeMask) * WORDS + word]!;
  }

  #set(place: number, word: number, value: number): void {
    this.#segments[place >>> this.#placeShift]!.words[(place & this.#placeMask) * WORDS + word] = value;
  }

  #matching(from: number, hash: number): number {
    for (let place = from; place !== 0; ) {
      const words = this.#segments[place >>> this.#placeShift]!.words;
      const at = (place & this.#placeMask) * WORDS;
      if (words[at + HASH] === hash) return place;
      place = words[at + CHAIN]!;
    }
    return 0;
  }

  #link(place: number, words: Int32Array, at: number): void {
    const first = this.#newest;
    words[at + OLDER] = first;
    words[at + NEWER] = 0;
    if (first !== 0) this.#set(first, NEWER, place);
    else this.#oldest = place;
    this.#newest = place;
  }

  #unlink(place: number, words: Int32Array, at: number): void {
    const older = words[at + OLDER]!;
    const newer = words[at + NEWER]!;
    if (this.#observer.open !== 0) this.#observer.leaving(place, older, newer);
    if (newer !== 0) this.#set(newer, OLDER, older);
    else this.#newest = older;
    if (older !== 0) this.#set(older, NEWER, newer);
    else this.#oldest = newer;
  }

  #unchain(place: number, hash: number, chained: number): void {
    const bucket = this.#bucketOf(hash);
    const heads = this.#heads[bucket >>> this.#headShift]!;
    let at = heads[bucket & this.#headMask]!;
    if (at === place) {
      heads[bucket & this.#headMask] = chained;
      return;
    }
    for (let next = this.#get(at, CHAIN); next !== place; next = this.#get(at, CHAIN)) at = next;
    this.#set(at, CHAIN, chained);
  }

  /** The places of a segment. Place 0 is none. */
  #capacity(number: number): number {
    return number === 0 ? this.#perPage - 1 : this.#perPage;
  }

  /** From the first segment that has one, so that the last ones become empty when there are fewer entries. */
  #take(): number {
    let number = this.#open;
    let segment = this.#segments[number];
    while (segment === undefined || segment.live === this.#capacity(number)) segment = this.#segments[++number];
    this.#open = number;
    segment.live++;
    this.#spare--;
    const place = segment.free;
    if (place === 0) return (number << this.#placeShift) + segment.begun++;
    segment.free = segment.words[(place & this.#placeMask) * WORDS + OLDER]!;
    return place;
  }

  #addSegment(): boolean {
    let number = 0;
    while (this.#segments[number] !== undefined) number++;
    if ((number + 1) << this.#placeShift > MAX_PLACE) return false;
    const page = this.#pages.take();
    if (page === 0) return false;
    this.pages++;
    this.#segments[number] = { page, words: this.#pages.wordsOf(page), live: 0, begun: number === 0 ? 1 : 0, free: 0 };
    this.#spare += this.#capacity(number);
    this.#open = Math.min(this.#open, number);
    return true;
  }

  #dropSegment(number: number): void {
    this.#pages.release(this.#segments[number]!.page);
    this.pages--;
    this.#spare -= this.#capacity(number);
    this.#segments[number] = undefined;
    while (this.#segments.length > 0 && this.#segments[this.#segments.length - 1] === undefined) this.#segments.pop();
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#highMask;
    return bucket < this.#buckets ? bucket : bucket & this.#lowMask;
  }

  #addHeads(): boolean {
    const page = this.#pages.take();
    if (page === 0) return false;
    this.pages++;
    const heads = this.#pages.wordsOf(page);
    if (this.#heads.length === 0) heads.fill(0, 0, FIRST_BUCKETS);
    this.#heads.push(heads);
    this.#headPages.push(page);
    return true;
  }

  #split(): void {
    while (this.size > this.#buckets * SPLIT_ABOVE && this.#buckets < this.#heads.length << this.#headShift) {
      if (this.#buckets > this.#highMask) {
        this.#lowMask = this.#highMask;
        this.#highMask = this.#highMask * 2 + 1;
      }
      const upper = this.#buckets++;
      const lower = upper & this.#lowMask;
      let place = this.#heads[lower >>> this.#headShift]![lower & this.#headMask]!;
      let stay = 0;
      let move = 0;
      while (place !== 0) {
        const words = this.#segments[place >>> this.#placeShift]!.words;
        const at = (place & this.#placeMask) * WORDS;
        const chained = words[at + CHAIN]!;
        if ((words[at + HASH]! & this.#highMask) === upper) {
          words[at + CHAIN] = move;
          move = place;
        } else {
          words[at + CHAIN] = stay;
          stay = place;
        }
        place = chained;
      }
      this.#heads[lower >>> this.#headShift]![lower & this.#headMask] = stay;
      this.#heads[upper >>> this.#headShift]![upper & this.#headMask] = move;
    }
  }

  /** The reverse of a split, of the last bucket. */
  #merge(): void {
    if (this.#buckets <= FIRST_BUCKETS || this.size >= this.#buckets * MERGE_BELOW) return;
    const upper = --this.#buckets;
    if (upper <= this.#lowMask) {
      this.#highMask = this.#lowMask;
      this.#lowMask >>>= 1;
    }
    const lower = upper & this.#lowMask;
    const moved = this.#heads[upper >>> this.#headShift]![upper & this.#headMask]!;
    const heads = this.#heads[lower >>> this.#headShift]!;
    let last = heads[lower & this.#headMask]!;
    if (last === 0) heads[lower & this.#headMask] = moved;
    else if (moved !== 0) {
      for (let next = this.#get(last, CHAIN); next !== 0; next = this.#get(last, CHAIN)) last = next;
      this.#set(last, CHAIN, moved);
    }
    if ((upper & this.#headMask) !== 0) return;
    this.#heads.pop();
    this.#pages.release(this.#headPages.pop()!);
    this.pages--;
  }
}
