import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../errors.js';
import { typeOf } from './key.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

export interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a body as JSON text in UTF-8. @throws GatewayError ERR_BAD_REQUEST */
export function parseJson(body: Buffer): JsonBody {
  if (!isUtf8(body)) throw new GatewayError('ERR_BAD_REQUEST', 'the body is not valid UTF-8');
  const text = body.toString('utf8');
  try {
    return { text, value: JSON.parse(text) as unknown };
  } catch {
    throw new GatewayError('ERR_BAD_REQUEST', text.trim() === '' ? 'the body is empty' : 'the body is not valid JSON');
  }
}

/**
 * Commas directly inside the containers at nesting `depth` (1 = the outermost) of a text that is known to be JSON.
 * JSON.parse keeps the last of two fields with one name; the count of commas shows that there were two. O(length).
 */
export function commasAtDepth(text: string, depth: number): number {
  let commas = 0;
  let level = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        level++;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        level--;
        break;
      case COMMA:
        if (level === depth) commas++;
        break;
    }
  }
  return commas;
}

/** Index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/** A body that is one object with these fields and no others. @throws GatewayError ERR_BAD_REQUEST */
export function objectBody({ text, value }: JsonBody, fields: readonly string[]): JsonObject {
  const object = checkedObject(value, fields, 'the body');
  if (commasAtDepth(text, 1) !== commasOf(object)) {
    throw new GatewayError('ERR_BAD_REQUEST', 'the body has a field more than once');
  }
  return object;
}

/** A body that is an array of objects with these fields and no others. @throws GatewayError ERR_BAD_REQUEST */
export function objectsBody({ text, value }: JsonBody, fields: readonly string[], maxItems: number): JsonObject[] {
  const items = arrayBody(value, maxItems).map((item, i) => checkedObject(item, fields, `item ${i}`));
  const commas = items.reduce((sum, item) => sum + commasOf(item), 0);
  if (commasAtDepth(text, 2) !== commas) {
    throw new GatewayError('ERR_BAD_REQUEST', 'an item of the body has a field more than once');
  }
  return items;
}

/** @throws GatewayError ERR_BAD_REQUEST */
export function arrayBody(value: unknown, maxItems: number): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw new GatewayError('ERR_BAD_REQUEST', `the body must be an array, got ${typeOf(value)}`);
  }
  if (value.length > maxItems) {
    throw new GatewayError('ERR_BAD_REQUEST', `a bulk call takes at most ${maxItems} items, got ${value.length}`);
  }
  return value;
}

function checkedObject(value: unknown, fields: readonly string[], where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GatewayError('ERR_BAD_REQUEST', `${where} must be an object, got ${typeOf(value)}`);
  }
  for (const name in value) {
    if (!fields.includes(name)) {
      const known = fields.map((field) => `"${field}"`).join(', ');
      throw new GatewayError(
        'ERR_BAD_REQUEST',
        `${where} has a field ${JSON.stringify(name.slice(0, 64))}; the fields are ${known}`,
      );
    }
  }
  return value as JsonObject;
}

function commasOf(object: JsonObject): number {
  let fields = 0;
  for (const name in object) if (Object.hasOwn(object, name)) fields++;
  return Math.max(0, fields - 1);
}
