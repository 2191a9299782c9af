import { invalid } from './errors.js';
import type { Records } from './records.js';

/**
 * The header of one entry: the caller's own fields, little-endian, at byte offsets from 0. A cache has one view, which
 * `ByteLru.header` points at an entry: it is good until the cache changes. Nothing is allocated.
 *
 * Methods throw `ERR_ARGUMENT_INVALID` for a field that is not within the header.
 */
export class HeaderView {
  /** Bytes of the header. */
  readonly length: number;
  readonly #records: Records;
  #place = 0;

  /** @internal */
  constructor(records: Records, length: number) {
    this.#records = records;
    this.length = length;
  }

  /** @internal */
  at(place: number): this {
    this.#place = place;
    return this;
  }

  getUint8(offset: number): number {
    return this.#view(offset, 1).getUint8(this.#at(offset));
  }

  setUint8(offset: number, value: number): void {
    this.#view(offset, 1).setUint8(this.#at(offset), value);
  }

  getUint16(offset: number): number {
    return this.#view(offset, 2).getUint16(this.#at(offset), true);
  }

  setUint16(offset: number, value: number): void {
    this.#view(offset, 2).setUint16(this.#at(offset), value, true);
  }

  getInt32(offset: number): number {
    return this.#view(offset, 4).getInt32(this.#at(offset), true);
  }

  setInt32(offset: number, value: number): void {
    this.#view(offset, 4).setInt32(this.#at(offset), value, true);
  }

  getUint32(offset: number): number {
    return this.#view(offset, 4).getUint32(this.#at(offset), true);
  }

  setUint32(offset: number, value: number): void {
    this.#view(offset, 4).setUint32(this.#at(offset), value, true);
  }

  getFloat64(offset: number): number {
    return this.#view(offset, 8).getFloat64(this.#at(offset), true);
  }

  setFloat64(offset: number, value: number): void {
    this.#view(offset, 8).setFloat64(this.#at(offset), value, true);
  }

  /** Copies the whole header to `target`, from `at` on. */
  copyTo(target: Uint8Array, at = 0): void {
    this.#check(target, at);
    const view = this.#view(0, 0);
    const from = this.#at(0);
    for (let i = 0; i < this.length; i++) target[at + i] = view.getUint8(from + i);
  }

  /** Copies the whole header from `source`, from `at` on. */
  copyFrom(source: Uint8Array, at = 0): void {
    this.#check(source, at);
    const view = this.#view(0, 0);
    const to = this.#at(0);
    for (let i = 0; i < this.length; i++) view.setUint8(to + i, source[at + i]!);
  }

  /** Sets every byte to 0. */
  clear(): void {
    const view = this.#view(0, 0);
    const to = this.#at(0);
    for (let i = 0; i < this.length; i++) view.setUint8(to + i, 0);
  }

  #at(offset: number): number {
    return this.#records.headerAt(this.#place) + offset;
  }

  #view(offset: number, bytes: number): DataView {
    if (Number.isInteger(offset) && offset >= 0 && offset + bytes <= this.length) {
      return this.#records.headerView(this.#place);
    }
    const wants = `an integer from 0 to ${this.length - bytes} (the header has ${this.length} bytes)`;
    throw invalid('ERR_ARGUMENT_INVALID', 'offset', offset, wants);
  }

  #check(bytes: Uint8Array, at: number): void {
    if (bytes instanceof Uint8Array && Number.isInteger(at) && at >= 0 && at + this.length <= bytes.length) return;
    throw invalid('ERR_ARGUMENT_INVALID', 'bytes and at', at, `a Uint8Array with ${this.length} bytes from there on`);
  }
}
