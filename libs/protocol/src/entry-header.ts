import { ProtocolError } from './errors.js';
import { formatVersion, parseVersion, type Version } from './version.js';

/**
 * What the bytes of an entry are:
 * - `s`: a string or plain bytes (a JSON string stored over HTTP, anything stored over RESP),
 * - `j`: the text of any other JSON value,
 * - `r<content type>`: a raw body with its media type,
 * - `d`: nothing: the entry is a tombstone, the key was deleted at its version.
 */
export type EntryKind = string;

export const KIND_STRING: EntryKind = 's';
export const KIND_JSON: EntryKind = 'j';
export const KIND_TOMBSTONE: EntryKind = 'd';

export function rawKind(contentType: string): EntryKind {
  return `r${contentType}`;
}

/** The media type of a raw entry; `undefined` for the other kinds. */
export function rawContentType(kind: EntryKind): string | undefined {
  return kind.charCodeAt(0) === 0x72 ? kind.slice(1) : undefined;
}

/** All that is known of an entry but its key and bytes. */
export interface EntryHeader {
  readonly version: Version;
  /** Absolute expiry in ms since the Unix epoch; 0 = never. */
  readonly expiresAt: number;
  readonly kind: EntryKind;
}

/** Nodes of before sent fractions of a ms. */
const EXPIRY = /^\d{1,16}(?:\.\d{1,20})?$/;

/** `<version> <expiresAt> <kind>`; the kind is last because a content type may hold spaces. */
export function encodeHeader(version: Version, expiresAt: number, kind: EntryKind): string {
  return `${formatVersion(version)} ${expiresAt} ${kind}`;
}

/** @throws ProtocolError ERR_PROTOCOL_HEADER when `text` is not what {@link encodeHeader} writes. */
export function decodeHeader(text: string): EntryHeader {
  const space = text.indexOf(' ', 25);
  const expiry = space < 0 ? '' : text.slice(25, space);
  const expiresAt = Math.ceil(Number(expiry));
  if (
    text.charCodeAt(24) !== 0x20 ||
    !EXPIRY.test(expiry) ||
    !Number.isSafeInteger(expiresAt) ||
    space + 1 >= text.length
  ) {
    throw new ProtocolError(
      'ERR_PROTOCOL_HEADER',
      `an entry header is "<version> <expiresAt> <kind>", got ${JSON.stringify(text.slice(0, 60))}`,
    );
  }
  return { version: parseVersion(text.slice(0, 24)), expiresAt, kind: text.slice(space + 1) };
}
