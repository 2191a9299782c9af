import { SLOTS_PER_GROUP, GROUPS, newBitmap } from './format.js';
import type { Entry } from '../node/entry.js';
import { recordBytes, writeRecord } from './record.js';

/** Records that are to become one block. */
export interface OpenBlock {
  readonly group: number;
  readonly bitmap: Uint8Array;
  readonly buffer: Buffer;
  records: number;
  /** Of `buffer`, what is used. */
  bytes: number;
}

/** Bytes of records in a block, unless a single record is longer. */
export const BLOCK_BYTES = 256 * 1024;

/** Collects records by group of slots, and hands over each block that is full. At most {@link GROUPS} are open. */
export class BlockBuilder {
  readonly #open: (OpenBlock | undefined)[] = new Array<undefined>(GROUPS).fill(undefined);
  readonly #onFull: (block: OpenBlock) => void;
  readonly #spare: Buffer[] = [];

  constructor(onFull: (block: OpenBlock) => void) {
    this.#onFull = onFull;
  }

  add(key: string, entry: Entry): void {
    const needed = recordBytes(key, entry);
    const group = Math.floor(entry.slot / SLOTS_PER_GROUP);
    let block = this.#open[group];
    if (block !== undefined && block.bytes + needed > block.buffer.length) {
      this.#seal(block);
      block = undefined;
    }
    block ??= this.#begin(group, needed);
    block.bytes = writeRecord(block.buffer, block.bytes, key, entry);
    block.records++;
    const bit = entry.slot % SLOTS_PER_GROUP;
    block.bitmap[bit >> 3]! |= 1 << (bit & 7);
  }

  /** Hands over what is left. */
  flush(): void {
    for (const block of this.#open) if (block !== undefined) this.#seal(block);
  }

  /** Gives back the memory of a block that is done with. */
  recycle({ buffer }: OpenBlock): void {
    if (buffer.length === BLOCK_BYTES && this.#spare.length < GROUPS) this.#spare.push(buffer);
  }

  #begin(group: number, needed: number): OpenBlock {
    const buffer =
      needed > BLOCK_BYTES
        ? Buffer.allocUnsafeSlow(needed)
        : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
    const block: OpenBlock = { group, bitmap: newBitmap(), buffer, records: 0, bytes: 0 };
    this.#open[group] = block;
    return block;
  }

  #seal(block: OpenBlock): void {
    this.#open[block.group] = undefined;
    this.#onFull(block);
  }
}
