const ALIGNMENT = 8;
/** The smallest chunk: a record's own fields and a few bytes. */
const SMALLEST = 24;
/** Chunks of the largest class in a page; longer records lie in several chunks. */
const FEWEST_PER_PAGE = 9;
/** Up to here the classes are 8 bytes apart, from here on 1/16 of a power of two: at most 6.25 %. */
const FINE_UP_TO = 128;
const STEPS_PER_DOUBLING = 16;

/**
 * The sizes of chunks that pages of `pageBytes` are cut into: multiples of 8, at most 12.5 % apart from 64 bytes on.
 * Of the sizes that cut a page into the same number of chunks only the largest is a class, so that little of a page is
 * left over at its end.
 */
export class SizeClasses {
  /** Bytes of a chunk by class, ascending. */
  readonly sizes: readonly number[];
  /** Chunks in a page by class. */
  readonly perPage: readonly number[];
  /** Bytes of a chunk of the last class. */
  readonly largest: number;
  /** Class by the number of 8-byte units, rounded up. */
  readonly #byUnits: Uint8Array;

  /** @param pageBytes a power of two, 4 KiB or more */
  constructor(pageBytes: number) {
    this.largest = Math.floor(pageBytes / FEWEST_PER_PAGE / ALIGNMENT) * ALIGNMENT;
    const sizes = new Set<number>();
    for (let size = SMALLEST; size <= this.largest; size = next(size)) {
      const perPage = Math.floor(pageBytes / size);
      sizes.add(Math.floor(pageBytes / perPage / ALIGNMENT) * ALIGNMENT);
    }
    this.sizes = [...sizes].sort((a, b) => a - b);
    this.perPage = this.sizes.map((size) => Math.floor(pageBytes / size));
    this.#byUnits = new Uint8Array(this.largest / ALIGNMENT + 1);
    let at = 0;
    for (let units = 0; units < this.#byUnits.length; units++) {
      while (this.sizes[at]! < units * ALIGNMENT) at++;
      this.#byUnits[units] = at;
    }
  }

  /** The class of the smallest chunks that hold `bytes`, which is at most {@link largest}. O(1). */
  of(bytes: number): number {
    return this.#byUnits[(bytes + ALIGNMENT - 1) >>> 3]!;
  }
}

function next(size: number): number {
  if (size < FINE_UP_TO) return size + ALIGNMENT;
  return size + 2 ** Math.floor(Math.log2(size)) / STEPS_PER_DOUBLING;
}
