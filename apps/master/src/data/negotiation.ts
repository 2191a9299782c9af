import { KIND_JSON, rawContentType } from '@dcs/protocol';

export const JSON_TYPE = 'application/json';
export const BYTES_TYPE = 'application/octet-stream';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** In which form an entry is answered: the JSON envelope, or its bytes as they are. */
export type Representation = 'envelope' | 'bytes';

/** The media type of an entry's bytes. Plain bytes that are no UTF-8 are no text. */
export function contentTypeOf(kind: string, isText: () => boolean): string {
  if (kind === KIND_JSON) return JSON_TYPE;
  return rawContentType(kind) ?? (isText() ? TEXT_TYPE : BYTES_TYPE);
}

/** Whether `Accept` asks for nothing else than the envelope, whatever the entry is. */
export function wantsEnvelope(accept: string | undefined): boolean {
  return accept === undefined || accept === '*/*' || accept === JSON_TYPE || accept === '';
}

/**
 * RFC 9110 negotiation between the envelope (`application/json`) and the bytes (`contentType`, or
 * `application/octet-stream` if asked for by name); the envelope wins a tie. Undefined: neither is acceptable.
 */
export function negotiate(accept: string | undefined, contentType: string): Representation | undefined {
  if (wantsEnvelope(accept)) return 'envelope';
  const ranges = parseAccept(accept!);
  const envelope = quality(ranges, JSON_TYPE);
  const named = ranges.find(({ type, subtype }) => `${type}/${subtype}` === BYTES_TYPE)?.q ?? 0;
  const bytes = Math.max(quality(ranges, essence(contentType)), named);
  if (envelope <= 0 && bytes <= 0) return undefined;
  return envelope >= bytes ? 'envelope' : 'bytes';
}

interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly q: number;
}

const RANGE = /^\s*([^\s/;,]+)\/([^\s/;,]+)\s*((?:;[^,]*)?)$/;
const QUALITY = /;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)/i;

/** Ranges that make no sense are passed over, as RFC 9110 allows. */
function parseAccept(accept: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const part of accept.split(',')) {
    const match = RANGE.exec(part);
    if (!match) continue;
    const q = QUALITY.exec(match[3]!);
    ranges.push({
      type: match[1]!.toLowerCase(),
      subtype: match[2]!.toLowerCase(),
      q: q ? Math.min(1, Number(q[1])) : 1,
    });
  }
  return ranges;
}

/** The quality of the most specific range that covers the type; 0 when none does. */
function quality(ranges: readonly MediaRange[], mediaType: string): number {
  const [type, subtype] = mediaType.split('/');
  let best = 0;
  let specificity = -1;
  for (const range of ranges) {
    const level = range.type === type && range.subtype === subtype ? 2 : range.type === type && range.subtype === '*' ? 1 : range.type === '*' && range.subtype === '*' ? 0 : -1; // prettier-ignore
    if (level < 0 || level < specificity) continue;
    best = level === specificity ? Math.max(best, range.q) : range.q;
    specificity = level;
  }
  return best;
}

/** `type/subtype` in lower case, without parameters. */
export function essence(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
