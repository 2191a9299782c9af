import { GatewayError } from '../errors.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const LETTER_U = 0x75;
/** What follows the `u` of an escape. */
const HEX_DIGITS = 4;

/** Containers inside each other; JSON.stringify can write four times as many on the stack it has. */
export const MAX_JSON_DEPTH = 1000;
/**
 * Objects, arrays and fields of one value. Each costs JSON.parse up to a microsecond: these take a tenth of a second.
 * Numbers, strings and the like in arrays cost far less, and are bounded by the value's size.
 */
export const MAX_JSON_ELEMENTS = 131_072;

export interface JsonScan {
  /** Commas directly inside the outermost container. */
  readonly commas: number;
  /** What the text takes at least when it is written again: without spaces, and a byte for each escape and number. */
  readonly minBytes: number;
}

/**
 * Looks over a text in UTF-8 before it is parsed, which would cost far more. Right for JSON; of what is no JSON it says
 * something or other, and JSON.parse refuses it. O(length), no allocation.
 * @throws GatewayError ERR_BAD_REQUEST for a text that is nested too deeply or has too many elements
 */
export function scanJson(text: Uint8Array): JsonScan {
  let commas = 0;
  let depth = 0;
  let elements = 0;
  let minBytes = 0;
  let inLiteral = false;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i]!;
    if (byte <= SPACE) {
      inLiteral = false;
      continue;
    }
    switch (byte) {
      case QUOTE: {
        minBytes += 2;
        for (i++; i < text.length && text[i] !== QUOTE; i++) {
          minBytes++;
          if (text[i] === BACKSLASH) i += text[i + 1] === LETTER_U ? 1 + HEX_DIGITS : 1;
        }
        continue;
      }
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        elements++;
        if (++depth > MAX_JSON_DEPTH) throw new GatewayError('ERR_BAD_REQUEST', 'value is nested too deeply');
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        if (depth === 1) commas++;
        break;
      case COLON:
        elements++;
        break;
      default:
        if (!inLiteral) minBytes++;
        inLiteral = true;
        continue;
    }
    inLiteral = false;
    minBytes++;
  }
  if (elements > MAX_JSON_ELEMENTS) {
    throw new GatewayError(
      'ERR_BAD_REQUEST',
      `a value has at most ${MAX_JSON_ELEMENTS} objects, arrays and fields, got ${elements}`,
    );
  }
  return { commas, minBytes };
}

/**
 * The texts between the commas of an array; undefined for a text that is no array. Only where an item begins and ends is
 * looked at: each is still to be parsed. O(length).
 */
export function splitArray<T extends Uint8Array>(text: T): T[] | undefined {
  let start = 0;
  let end = text.length;
  while (start < end && text[start]! <= SPACE) start++;
  while (end > start && text[end - 1]! <= SPACE) end--;
  if (end - start < 2 || text[start] !== OPEN_ARRAY || text[end - 1] !== CLOSE_ARRAY) return undefined;
  const items: T[] = [];
  let depth = 0;
  let begin = start + 1;
  const last = end - 1;
  let i = begin;
  for (; i < last; i++) {
    switch (text[i]) {
      case QUOTE:
        for (i++; i < last && text[i] !== QUOTE; i++) if (text[i] === BACKSLASH) i++;
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth++;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        if (depth === 0) {
          items.push(text.subarray(begin, i) as T);
          begin = i + 1;
        }
        break;
    }
  }
  const rest = text.subarray(begin, last) as T;
  if (items.length > 0 || rest.some((byte) => byte > SPACE)) items.push(rest);
  return items;
}
