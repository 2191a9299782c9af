const SAMPLE = 64;

/** A running 64-bit hash of everything that happened: two runs are the same run exactly when their hashes are equal. */
export class TraceHash {
  #high = 0x9e3779b9;
  #low = 0x7f4a7c15;
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);

  get text(): string {
    return hex(this.#high) + hex(this.#low);
  }

  number(value: number): void {
    this.#double[0] = value;
    this.#mix(this.#words[0]!);
    this.#mix(this.#words[1]!);
  }

  /** Long strings by their length and both ends. */
  string(value: string): void {
    const { length } = value;
    this.#mix(length);
    if (length <= 2 * SAMPLE) {
      for (let i = 0; i < length; i++) this.#mix(value.charCodeAt(i));
      return;
    }
    for (let i = 0; i < SAMPLE; i++) {
      this.#mix(value.charCodeAt(i));
      this.#mix(value.charCodeAt(length - 1 - i));
    }
  }

  #mix(word: number): void {
    const high = Math.imul(this.#high ^ word, 0x85ebca6b);
    const low = Math.imul(this.#low ^ (high >>> 15) ^ word, 0xc2b2ae35);
    this.#high = (high ^ (low >>> 13)) >>> 0;
    this.#low = (low ^ (high << 7)) >>> 0;
  }
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
