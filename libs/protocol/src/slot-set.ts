import { ProtocolError } from './errors.js';

/** Slots of a cluster, as Redis Cluster has them. */
export const SLOTS = 16_384;
const BYTES = SLOTS / 8;

/**
 * A set of slots: 2048 bytes, on the wire as on the heap. Operations on one slot are O(1); those on whole sets take a
 * few microseconds, and those that visit slots a few nanoseconds for each.
 */
export class SlotSet {
  readonly #bits = new Uint8Array(BYTES);
  /** The same bits, for what does not depend on their order. */
  readonly #words = new Int32Array(this.#bits.buffer);

  static of(slots: Iterable<number>): SlotSet {
    const set = new SlotSet();
    for (const slot of slots) set.add(slot);
    return set;
  }

  /** @throws ProtocolError ERR_PROTOCOL_SLOT_SET unless `binary` is what {@link toBinary} writes. */
  static fromBinary(binary: string): SlotSet {
    if (binary.length !== BYTES) {
      throw new ProtocolError('ERR_PROTOCOL_SLOT_SET', `a slot set has ${BYTES} bytes, got ${binary.length}`);
    }
    const set = new SlotSet();
    set.#bits.set(Buffer.from(binary, 'latin1'));
    return set;
  }

  toBinary(): string {
    return Buffer.from(this.#bits).toString('latin1');
  }

  has(slot: number): boolean {
    return (this.#bits[slot >> 3]! & (1 << (slot & 7))) !== 0;
  }

  add(slot: number): void {
    this.#bits[slot >> 3]! |= 1 << (slot & 7);
  }

  delete(slot: number): void {
    this.#bits[slot >> 3]! &= ~(1 << (slot & 7));
  }

  get isEmpty(): boolean {
    for (const word of this.#words) if (word !== 0) return false;
    return true;
  }

  get size(): number {
    let size = 0;
    for (let word of this.#words) for (; word !== 0; word &= word - 1) size++;
    return size;
  }

  addAll(other: SlotSet): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i]! |= other.#words[i]!;
  }

  deleteAll(other: SlotSet): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i]! &= ~other.#words[i]!;
  }

  /** What is in this set and not in the other. */
  without(other: SlotSet): SlotSet {
    const set = new SlotSet();
    for (let i = 0; i < this.#words.length; i++) set.#words[i] = this.#words[i]! & ~other.#words[i]!;
    return set;
  }

  intersects(other: SlotSet): boolean {
    for (let i = 0; i < this.#words.length; i++) if ((this.#words[i]! & other.#words[i]!) !== 0) return true;
    return false;
  }

  /** Visits the slots in ascending order. */
  forEach(visit: (slot: number) => void): void {
    for (let i = 0; i < BYTES; i++) {
      const byte = this.#bits[i]!;
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) visit(i * 8 + bit);
    }
  }

  /** The slots in ascending order. */
  toArray(): number[] {
    const slots: number[] = [];
    this.forEach((slot) => slots.push(slot));
    return slots;
  }

  [Symbol.iterator](): IterableIterator<number> {
    return this.toArray().values();
  }
}
