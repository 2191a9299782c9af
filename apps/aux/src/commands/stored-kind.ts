import { type EntryKind, isEntryKind, KIND_STRING, KIND_TOMBSTONE, MAX_CONTENT_TYPE_BYTES } from '@dcs/protocol';
import { Reply } from '@dcs/resp';

export const INVALID_KIND = Reply.error(
  `ERR kind: want s, j, or r and a content type of 1 to ${MAX_CONTENT_TYPE_BYTES} bytes`,
);

/** The kind of an entry whose bytes a command has changed: whatever they were before, they are bytes now. */
export function changedKind(before: EntryKind, isChanged: boolean): EntryKind {
  return isChanged ? KIND_STRING : before;
}

/** The kinds that a client may give an entry; a tombstone comes about by deleting. */
export function isStorableKind(kind: string): boolean {
  return kind !== KIND_TOMBSTONE && isEntryKind(kind);
}
