import { KIND_JSON, KIND_STRING, toBinary } from '@dcs/protocol';
import { GatewayError } from '../errors.js';
import { isWellFormed } from './key.js';

export interface StoredValue {
  readonly kind: string;
  /** Binary string. */
  readonly bytes: string;
}

/**
 * How a JSON value is kept: a string as its UTF-8 bytes, anything else as its JSON text. A string with a lone surrogate
 * has no UTF-8 form, so it is kept as JSON text as well and comes back the same.
 * @throws GatewayError ERR_BAD_REQUEST, ERR_VALUE_TOO_LARGE
 */
export function storedJson(value: unknown, maxBytes: number, where = ''): StoredValue {
  if (value === undefined) throw new GatewayError('ERR_BAD_REQUEST', `${where}"value" is missing`);
  const isText = typeof value === 'string' && isWellFormed(value);
  const bytes = toBinary(isText ? value : jsonText(value, where));
  checkSize(bytes.length, maxBytes, where);
  return { kind: isText ? KIND_STRING : KIND_JSON, bytes };
}

/** @throws GatewayError ERR_VALUE_TOO_LARGE */
export function checkSize(bytes: number, maxBytes: number, where = ''): void {
  if (bytes > maxBytes) {
    throw new GatewayError('ERR_VALUE_TOO_LARGE', `${where}value must be at most ${maxBytes} bytes, got ${bytes}`);
  }
}

function jsonText(value: unknown, where: string): string {
  try {
    return JSON.stringify(value);
  } catch {
    // JSON.parse takes any depth, JSON.stringify what the stack holds.
    throw new GatewayError('ERR_BAD_REQUEST', `${where}value is nested too deeply`);
  }
}
