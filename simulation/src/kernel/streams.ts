import { Random } from './random.js';

/**
 * Names the meaning of seeds: the same plan and seed are the same run. Raised when a change gives seeds other runs. Not
 * raised by a new fault, a new choice or a new process, which draw from streams of their own.
 */
export const PLAN_VERSION = 2;

/** The random numbers of one run: a stream for each concern, by name, so that none takes numbers from another. */
export class Streams {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The stream of this name from its beginning; two calls give two generators of the same numbers. */
  of(name: string): Random {
    return new Random(this.#seed, hash(`${PLAN_VERSION} ${name}`));
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value | 0;
}
