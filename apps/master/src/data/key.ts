import { isAscii, MAX_KEY_BYTES } from '@dcs/protocol';
import { GatewayError } from '../errors.js';

const LONE_SURROGATE = /\p{Surrogate}/u;
const WANTED = `key must be 1-${MAX_KEY_BYTES} bytes of UTF-8`;

/** Whether `text` has a UTF-8 form at all: a lone surrogate has none. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/**
 * A key as a binary string. `where` names it in the message.
 * @throws GatewayError ERR_KEY_INVALID
 */
export function checkedKey(key: unknown, where = ''): string {
  if (typeof key !== 'string') throw new GatewayError('ERR_KEY_INVALID', `${where}${WANTED}, got ${typeOf(key)}`);
  let binary = key;
  if (!isAscii(key)) {
    if (!isWellFormed(key)) throw new GatewayError('ERR_KEY_INVALID', `${where}${WANTED}, got a lone surrogate`);
    binary = Buffer.from(key, 'utf8').toString('latin1');
  }
  if (binary.length < 1 || binary.length > MAX_KEY_BYTES) {
    throw new GatewayError('ERR_KEY_INVALID', `${where}${WANTED}, got ${binary.length}`);
  }
  return binary;
}

/** What a JSON value is, in words that JSON uses. */
export function typeOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
