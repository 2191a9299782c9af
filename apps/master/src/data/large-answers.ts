import { type Buffers } from '../buffers/buffers.js';
import { GatewayError } from '../errors.js';
import { type Entry } from '../routing/data-plane.js';
import { type Representation } from './negotiation.js';

/** From this size on, the answer of a value is made once for all who read it together. */
export const LARGE_VALUE_BYTES = 16_384;
export const ANSWERS_FULL = 'the answers that clients have not read yet take all the room';
/** A byte of a value takes at most so many of JSON text (`\u0001`), with room for the key and the rest. */
const JSON_EXPANSION = 6;
const ENVELOPE_BYTES = 4096;

export interface SharedAnswer {
  readonly body: Buffer;
  /** Called once, by whoever was given it. */
  readonly release: () => void;
}

interface Encoded {
  readonly entry: Entry;
  readonly body: Buffer;
  users: number;
}

/**
 * The answers of large values. Readers of one version of a key share the bytes of its answer, as long as one of them has
 * not read it to its end; the budget has these bytes once. What is left of a ttl is told to the readers that shared a
 * round trip, and to no later ones.
 */
export class LargeAnswers {
  readonly #buffers: Buffers;
  readonly #encoded = new Map<string, Encoded>();

  constructor(buffers: Buffers) {
    this.#buffers = buffers;
  }

  /** @throws GatewayError ERR_OVERLOADED, before anything is encoded */
  share(key: string, entry: Entry, form: Representation, encode: () => string): SharedAnswer {
    const name = `${form} ${entry.version} ${key}`;
    let encoded = this.#encoded.get(name);
    if (encoded === undefined || (encoded.entry !== entry && entry.expiresAt !== 0)) {
      encoded = { entry, body: this.#encode(entry, form, encode), users: 0 };
      this.#encoded.set(name, encoded);
    }
    encoded.users++;
    return { body: encoded.body, release: () => this.#release(name, encoded) };
  }

  #encode(entry: Entry, form: Representation, encode: () => string): Buffer {
    const { answers } = this.#buffers;
    const worst = form === 'bytes' ? entry.value.length : entry.value.length * JSON_EXPANSION + ENVELOPE_BYTES;
    if (!this.#buffers.takeAnswer(worst)) throw new GatewayError('ERR_OVERLOADED', ANSWERS_FULL);
    let taken = 0;
    try {
      const body = Buffer.from(encode(), 'latin1');
      taken = body.length;
      return body;
    } finally {
      answers.give(worst - taken);
    }
  }

  #release(name: string, encoded: Encoded): void {
    if (--encoded.users > 0) return;
    this.#buffers.answers.give(encoded.body.length);
    if (this.#encoded.get(name) === encoded) this.#encoded.delete(name);
  }
}
