const NOTHING = Buffer.alloc(0);
const MIN_CAPACITY = 256;
/** How much room is made at once for announced bytes, as a multiple of the bytes held: an announcement is only a claim. */
const MAX_FORESIGHT = 16;

/**
 * The bytes that a decoder has not consumed yet: `bytes[start, end)`.
 *
 * ```
 *   caller's chunk, read in place          own buffer, only ever appended to
 *   [ consumed | start ... end ]    -->    [ start ... end | room ]
 * ```
 *
 * A whole message is parsed in the chunk that brought it. Only the tail of an unfinished one is copied ({@link own}),
 * after which the chunk is no longer referred to, so the caller may reuse it. Capacity at least doubles, so n bytes
 * that arrive one by one cost O(n). Bytes already held are never moved within a buffer: views on it stay true.
 */
export class InputBuffer {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #owned = true;

  /** Adds a chunk; `expected` is the number of bytes from `start` that the unfinished message will need, if known. */
  append(chunk: Buffer, expected: number): void {
    const held = this.end - this.start;
    if (held === 0) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.end + chunk.length > this.bytes.length) this.#move(held + chunk.length, expected);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Stops referring to the caller's chunk: copies what is left of it, or forgets it when nothing is. */
  own(expected: number): void {
    if (this.start === this.end) this.clear();
    else if (!this.#owned) this.#move(this.end - this.start, expected);
  }

  clear(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
    this.#owned = true;
  }

  #move(needed: number, expected: number): void {
    const foreseen = Math.min(expected, needed * MAX_FORESIGHT);
    const capacity = Math.max(MIN_CAPACITY, needed * 2, foreseen);
    const bytes = Buffer.allocUnsafe(foreseen > needed && foreseen === expected ? foreseen : capacity);
    const held = this.end - this.start;
    this.bytes.copy(bytes, 0, this.start, this.end);
    this.bytes = bytes;
    this.start = 0;
    this.end = held;
    this.#owned = true;
  }
}
