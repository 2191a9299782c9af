import { isEntryKind, isVersionText, KIND_TOMBSTONE, ProtocolError } from '@dcs/protocol';
import { type Entry, type EntryInfo } from './data-plane.js';

const VERSION_LENGTH = 24;

/** The reply of `DCS.GET`; the version stays text, because a read only passes it on. @throws ProtocolError */
export function readEntry(reply: unknown): Entry | undefined {
  if (reply === null) return undefined;
  if (Array.isArray(reply) && reply.length === 2 && typeof reply[0] === 'string' && typeof reply[1] === 'string') {
    const header: string = reply[0];
    const space = kindAt(header);
    const kind = header.slice(space + 1);
    if (!isEntryKind(kind)) throw unexpected('an entry kind', kind);
    if (kind === KIND_TOMBSTONE) return undefined;
    return {
      version: header.slice(0, VERSION_LENGTH),
      expiresAt: Number(header.slice(VERSION_LENGTH + 1, space)),
      kind,
      value: reply[1],
    };
  }
  throw unexpected('DCS.GET', reply);
}

/** The reply of `DCS.HEAD`. @throws ProtocolError */
export function readInfo(reply: unknown): EntryInfo | undefined {
  if (reply === null) return undefined;
  if (typeof reply !== 'string') throw unexpected('DCS.HEAD', reply);
  const { version, expiresAt, kind } = readEntry([reply, '']) ?? {};
  return version === undefined ? undefined : { version, expiresAt: expiresAt!, kind: kind! };
}

/** Where the space before the kind is. */
function kindAt(header: string): number {
  const space = header.indexOf(' ', VERSION_LENGTH + 1);
  const expiresAt = header.slice(VERSION_LENGTH + 1, space);
  if (
    header.charCodeAt(VERSION_LENGTH) !== 0x20 ||
    space < 0 ||
    space + 1 >= header.length ||
    !/^\d{1,16}$/.test(expiresAt) ||
    !isVersionText(header.slice(0, VERSION_LENGTH))
  ) {
    throw unexpected('an entry header', header);
  }
  return space;
}

function unexpected(what: string, reply: unknown): ProtocolError {
  return new ProtocolError('ERR_PROTOCOL_REPLY', `unexpected reply to ${what}: ${String(reply).slice(0, 60)}`);
}
