import { checkSlice } from './byte-lru-options.js';
import { HeaderView } from './header-view.js';
import { invalid } from './errors.js';
import type { PlaceIndex } from './place-index.js';
import type { Records, VisitBytes } from './records.js';

/**
 * What can be read of an entry by its place. All methods throw `ERR_ARGUMENT_INVALID` for a place without an entry; an
 * expired entry can be read until it is removed. Only {@link readKey} and {@link readValue} allocate.
 */
export abstract class EntryReader {
  /** Bytes of the header of each entry. */
  readonly headerBytes: number;

  readonly #index: PlaceIndex;
  readonly #records: Records;
  readonly #header: HeaderView;

  /** @internal */
  protected constructor(index: PlaceIndex, records: Records, headerBytes: number) {
    this.headerBytes = headerBytes;
    this.#index = index;
    this.#records = records;
    this.#header = new HeaderView(records, headerBytes);
  }

  /** Bytes of the key at a place. */
  keyLength(place: number): number {
    this.check(place);
    return this.#records.keyLength(place);
  }

  /** Bytes of the value at a place. */
  valueLength(place: number): number {
    this.check(place);
    return this.#records.valueLength(place);
  }

  /** Copies the key to `target`, from `at` on; returns its length. */
  copyKey(place: number, target: Uint8Array, at = 0): number {
    const length = this.keyLength(place);
    checkSlice('target', target, at, length);
    this.#records.read(place, 0, length, target, at);
    return length;
  }

  /** Copies `length` bytes of the value from `from` on (all of it by default) to `target`, from `at` on; returns `length`. */
  copyValue(place: number, target: Uint8Array, at = 0, from = 0, length = this.valueLength(place) - from): number {
    this.check(place);
    if (from !== (from | 0) || length !== (length | 0) || from < 0 || length < 0) this.#refusePart(place, from, length);
    if (from + length > this.#records.valueLength(place)) this.#refusePart(place, from, length);
    checkSlice('target', target, at, length);
    this.#records.read(place, this.#records.keyLength(place) + from, length, target, at);
    return length;
  }

  /** The key, in an array of its own. */
  readKey(place: number): Uint8Array {
    const key = new Uint8Array(this.keyLength(place));
    this.copyKey(place, key);
    return key;
  }

  /** The value, in an array of its own. */
  readValue(place: number): Uint8Array {
    const value = new Uint8Array(this.valueLength(place));
    this.copyValue(place, value);
    return value;
  }

  /**
   * Shows the key where it lies, without a copy: in one piece, or in several one after the other if the record is longer
   * than a ninth of a page (7 KiB). What `visit` gets is good until the cache changes, and must not be written to.
   */
  visitKey(place: number, visit: VisitBytes): void {
    this.#records.visit(place, 0, this.keyLength(place), visit);
  }

  /** As {@link visitKey}, of the value. */
  visitValue(place: number, visit: VisitBytes): void {
    const length = this.valueLength(place);
    this.#records.visit(place, this.#records.keyLength(place), length, visit);
  }

  /** The hash that the entry was stored with. */
  hashAt(place: number): number {
    this.check(place);
    return this.#index.hash(place);
  }

  /** The header of an entry, to be read and written in place; one view for all calls, good until the cache changes. */
  header(place: number): HeaderView {
    this.check(place);
    return this.#header.at(place);
  }

  /** When the entry expires, in ms on the cache's clock; 0 = never. */
  expiresAt(place: number): number {
    this.check(place);
    return this.#records.expiresAt(place);
  }

  /** @internal @throws LruCacheError `ERR_ARGUMENT_INVALID` where no entry is */
  protected check(place: number): void {
    if (place === (place | 0) && this.#index.isLive(place)) return;
    throw invalid(
      'ERR_ARGUMENT_INVALID',
      'place',
      place,
      'what get, peek or set gave for an entry that is still there',
    );
  }

  #refusePart(place: number, from: number, length: number): never {
    const wants = `within the value's ${this.valueLength(place)} bytes`;
    throw invalid('ERR_ARGUMENT_INVALID', 'from and length', `${from}, ${length}`, wants);
  }
}
