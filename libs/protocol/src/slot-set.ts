import { ProtocolError } from './errors.js';

/** Slots of a cluster, as Redis Cluster has them. */
const SLOTS = 16_384;
const BYTES = SLOTS / 8;

/** A set of slots: 2048 bytes, on the wire as on the heap. All operations are O(1) but iteration and the counts. */
export class SlotSet {
  readonly #bits = new Uint8Array(BYTES);

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
    for (let i = 0; i < BYTES; i++) set.#bits[i] = binary.charCodeAt(i);
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
    return this.#bits.every((byte) => byte === 0);
  }

  get size(): number {
    let size = 0;
    for (let byte of this.#bits) for (; byte !== 0; byte &= byte - 1) size++;
    return size;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let i = 0; i < BYTES; i++) {
      const byte = this.#bits[i]!;
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) yield i * 8 + bit;
    }
  }
}
