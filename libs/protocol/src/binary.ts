/**
 * A *binary string* holds one byte per character (0-255). It is the form of keys and values between the wire and the
 * stores: V8 keeps it at one byte per character, and it goes to a socket as latin1 without a copy.
 */

// eslint-disable-next-line no-control-regex -- the whole point is to tell ASCII from the rest
const NOT_ASCII = /[^\x00-\x7f]/;

export function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text);
}

/** The UTF-8 bytes of `text` as a binary string. O(length); free of copies when `text` is ASCII. */
export function toBinary(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The bytes of `binary` read as UTF-8; bytes that are not UTF-8 become U+FFFD. */
export function fromBinary(binary: string): string {
  return isAscii(binary) ? binary : Buffer.from(binary, 'latin1').toString('utf8');
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of `binary` read as UTF-8, or `undefined` when they are not valid UTF-8. */
export function fromBinaryStrict(binary: string): string | undefined {
  if (isAscii(binary)) return binary;
  try {
    return strictUtf8.decode(Buffer.from(binary, 'latin1'));
  } catch {
    return undefined;
  }
}
