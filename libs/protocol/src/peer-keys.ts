import { createHmac, scryptSync, timingSafeEqual } from 'node:crypto';

/** Who makes a proof: what one end has proven is of no use to the other. */
export type Direction = 'client' | 'server';

/** scrypt's cost: some 40 ms once per process, and once per guess for whoever has heard a handshake. */
const SCRYPT = { N: 2 ** 14, r: 8, p: 1 };
const KEY_BYTES = 32;
const PROOF = /^[0-9a-f]{64}$/;
/** Of a transcript's part: its length in bytes. */
const LENGTH_BYTES = 4;

/** The keys made of the cluster's secrets: the one in use, and during a rotation the one before or after it. */
export class PeerKeys {
  readonly #keys: readonly Buffer[];

  /** @param secrets none: peers are not asked for a proof */
  constructor(secrets: readonly string[], cluster: string) {
    this.#keys = secrets.map((secret) => scryptSync(secret, `dcs cluster ${cluster}`, KEY_BYTES, SCRYPT));
  }

  get count(): number {
    return this.#keys.length;
  }

  /** HMAC-SHA256 with each key over the direction and all parts in order, as hexadecimal digits. */
  proofs(direction: Direction, transcript: readonly string[]): string[] {
    return this.#keys.map((key) => proof(key, direction, transcript).toString('hex'));
  }

  /** The index of the key that one of the proofs was made with; undefined for none. In a time that tells nothing. */
  indexOf(direction: Direction, transcript: readonly string[], proofs: readonly string[]): number | undefined {
    let found: number | undefined;
    this.#keys.forEach((key, index) => {
      const expected = proof(key, direction, transcript);
      for (const text of proofs) {
        if (PROOF.test(text) && timingSafeEqual(Buffer.from(text, 'hex'), expected)) found ??= index;
      }
    });
    return found;
  }
}

function proof(key: Buffer, direction: Direction, transcript: readonly string[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of [`dcs handshake ${direction}`, ...transcript]) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(LENGTH_BYTES); // so that no part can pass for two
    length.writeUInt32BE(bytes.length);
    hmac.update(length).update(bytes);
  }
  return hmac.digest();
}
