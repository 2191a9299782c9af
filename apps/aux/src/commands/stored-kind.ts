import { KIND_JSON, KIND_STRING, MAX_CONTENT_TYPE_BYTES, rawContentType } from '@dcs/protocol';
import { Reply } from '@dcs/resp';

export const INVALID_KIND = Reply.error(
  `ERR kind: want s, j, or r and a content type of 1 to ${MAX_CONTENT_TYPE_BYTES} bytes`,
);
// No line breaks: a header is one line for the other end.
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\x00-\x1f\x7f]/;

/** The kinds that a client may give an entry; a tombstone comes about by deleting. */
export function isStorableKind(kind: string): boolean {
  if (kind === KIND_STRING || kind === KIND_JSON) return true;
  const contentType = rawContentType(kind);
  if (contentType === undefined || contentType.length > MAX_CONTENT_TYPE_BYTES) return false;
  return contentType !== '' && !CONTROL.test(contentType);
}
