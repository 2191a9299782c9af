import { isUtf8 } from 'node:buffer';
import { isAscii, KIND_JSON } from '@dcs/protocol';
import { type Entry } from '../routing/data-plane.js';
import { remainingSeconds } from './ttl.js';

/*
 * Everything here is a binary string: JSON text in UTF-8, one character per byte. JSON.stringify escapes only
 * characters below 0x80 and lone surrogates, so it is right for a binary string that holds UTF-8 as well, and the
 * answer goes to the socket as latin1 with its length known.
 */

const PLAIN_NUMBER = /^-?(?:0|[1-9]\d{0,15})$/;

/** Whether the bytes are text in UTF-8. */
export function isText(bytes: string): boolean {
  return isAscii(bytes) || isUtf8(Buffer.from(bytes, 'latin1'));
}

/** Whether stored bytes are the JSON text that their kind says: what is put into an answer as it is, is looked at first. */
function isJson(bytes: string): boolean {
  if (PLAIN_NUMBER.test(bytes)) return true;
  if (!isText(bytes)) return false;
  try {
    JSON.parse(bytes); // as good as the text: what is beyond ASCII stands in strings only, and is valid UTF-8
    return true;
  } catch {
    return false;
  }
}

/** `{"key","value","ttl"?,"version","encoding"?}`; `encoding` for bytes that are no UTF-8. */
export function envelope(key: string, entry: Entry, nowMs: number): string {
  const { kind, value, expiresAt, version } = entry;
  const ttl = expiresAt === 0 ? '' : `,"ttl":${remainingSeconds(expiresAt, nowMs)}`;
  const head = `{"key":${JSON.stringify(key)},"value":`;
  if (kind === KIND_JSON && isJson(value)) return `${head}${value}${ttl},"version":"${version}"}`;
  if (isText(value)) return `${head}${JSON.stringify(value)}${ttl},"version":"${version}"}`;
  return `${head}"${base64(value)}","encoding":"base64"${ttl},"version":"${version}"}`;
}

/** The value alone, as the bulk read answers it; bytes that are no UTF-8 as `{"encoding":"base64","value"}`. */
export function valueJson({ kind, value }: Entry): string {
  if (kind === KIND_JSON && isJson(value)) return value;
  return isText(value) ? JSON.stringify(value) : `{"encoding":"base64","value":"${base64(value)}"}`;
}

function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}
