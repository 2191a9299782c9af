import { SLOT_COUNT } from '@dcs/consistent-hash';
import { DIGEST_BYTES, type SlotSet, type Version } from '@dcs/protocol';

/**
 * A digest of each slot's keys and versions: the exclusive or of a hash per entry, so that it is kept up to date in
 * O(1) per change and does not depend on order. Equal contents have equal digests; different ones differ but for one
 * case in 2^64.
 */
export class SlotDigests {
  readonly #words = new Int32Array(SLOT_COUNT * 2);

  /** An entry came, or went. */
  toggle(slot: number, key: string, version: Version): void {
    this.#toggle(slot, keyHash(key), version.ms, version.low);
  }

  /** An entry took the place of one of version (`ms`, `low`) with the same key. */
  replace(slot: number, key: string, ms: number, low: number, after: Version): void {
    const hash = keyHash(key);
    this.#toggle(slot, hash, ms, low);
    this.#toggle(slot, hash, after.ms, after.low);
  }

  #toggle(slot: number, hash: number, ms: number, low: number): void {
    const msLower = ms | 0; // the lower 32 bits
    const lowLower = low | 0;
    // The upper parts, 16 bits each.
    const upper = (Math.floor(ms / 2 ** 32) << 16) | Math.floor(low / 2 ** 32);
    let a = mix(hash ^ msLower);
    a = mix(a ^ lowLower);
    a = mix(a ^ upper);
    this.#words[slot * 2]! ^= a;
    this.#words[slot * 2 + 1]! ^= mix(Math.imul(a, 0x9e3779b1) ^ hash ^ Math.imul(msLower, 0x85ebca77) ^ lowLower);
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** Those of many slots, in ascending order of the slots, as one binary string. */
  ofAll(slots: SlotSet): string {
    const bytes = Buffer.alloc(slots.size * DIGEST_BYTES);
    let at = 0;
    slots.forEach((slot) => {
      const a = this.#words[slot * 2]!;
      const b = this.#words[slot * 2 + 1]!;
      if (a !== 0) bytes.writeInt32BE(a, at); // an empty slot's are zero
      if (b !== 0) bytes.writeInt32BE(b, at + 4);
      at += DIGEST_BYTES;
    });
    return bytes.toString('latin1');
  }

  /** 8 bytes as a binary string. */
  of(slot: number): string {
    const a = this.#words[slot * 2]!;
    const b = this.#words[slot * 2 + 1]!;
    return String.fromCharCode(
      a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255,
      b >>> 24, (b >>> 16) & 255, (b >>> 8) & 255, b & 255,
    ); // prettier-ignore
  }
}

/** FNV-1a over the key's bytes; unkeyed, because every node has to find the same. */
function keyHash(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
