import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../errors.js';
import { scanJson, splitArray } from './json-scan.js';
import { typeOf } from './key.js';

export interface JsonBody {
  readonly value: unknown;
  /** See {@link scanJson}. */
  readonly commas: number;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** An exponent of two digits, or the 300 digits that one of a single digit needs to get out of range. Linear. */
const MAY_OVERFLOW = /\d[eE]\+?\d\d|(?<!\d)\d{300}/;
const SPACE = 0x20;
/** What a body holds around its value: the key, the names of fields, spaces. */
const VALUE_OVERHEAD_BYTES = 8192;

/** Reads a body as JSON text in UTF-8, after a look at what that would cost. @throws GatewayError ERR_BAD_REQUEST */
export function parseJson(body: Buffer): JsonBody {
  checkUtf8(body);
  const { commas } = scanJson(body);
  return { commas, value: parsed(body) };
}

/** The same for an object that holds one value. @throws GatewayError ERR_BAD_REQUEST, ERR_VALUE_TOO_LARGE */
export function parseValueJson(body: Buffer, maxValueBytes: number, where = ''): JsonBody {
  checkUtf8(body);
  const { commas, minBytes } = scanJson(body);
  if (minBytes > maxValueBytes + VALUE_OVERHEAD_BYTES) {
    throw new GatewayError(
      'ERR_VALUE_TOO_LARGE',
      `${where}value must be at most ${maxValueBytes} bytes, got about ${minBytes}`,
    );
  }
  return { commas, value: parsed(body) };
}

function checkUtf8(body: Buffer): void {
  if (!isUtf8(body)) throw new GatewayError('ERR_BAD_REQUEST', 'the body is not valid UTF-8');
}

function parsed(body: Buffer): unknown {
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GatewayError('ERR_BAD_REQUEST', text.trim() === '' ? 'the body is empty' : 'the body is not valid JSON');
  }
  // Of the other fields whoever reads them says what is wrong.
  if (MAY_OVERFLOW.test(text) && !hasFiniteNumbers((value as { readonly value?: unknown } | null)?.value)) {
    throw new GatewayError('ERR_BAD_REQUEST', 'the value has a number that is beyond what a double can hold');
  }
  return value;
}

/** Whether all numbers are finite: JSON.parse makes 1e400 an infinity, and JSON.stringify that a null. Without recursion. */
function hasFiniteNumbers(value: unknown): boolean {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'number' && !Number.isFinite(next)) return false;
    if (typeof next !== 'object' || next === null) continue;
    for (const member of Object.values(next)) left.push(member);
  }
  return true;
}

/**
 * A body that is one object with these fields and no others. JSON.parse keeps the last of two fields with one name; the
 * count of commas shows that there were two.
 * @throws GatewayError ERR_BAD_REQUEST
 */
export function objectBody(body: JsonBody, fields: readonly string[]): JsonObject {
  const object = checkedObject(body.value, fields, 'the body');
  checkOnce(body, object, 'the body');
  return object;
}

/** The same for an item of an array. @throws GatewayError ERR_BAD_REQUEST */
export function itemObject(item: JsonBody, fields: readonly string[], index: number): JsonObject {
  const object = checkedObject(item.value, fields, `item ${index}`);
  checkOnce(item, object, 'an item of the body');
  return object;
}

function checkOnce({ commas }: JsonBody, object: JsonObject, what: string): void {
  if (commas !== commasOf(object)) throw new GatewayError('ERR_BAD_REQUEST', `${what} has a field more than once`);
}

/** The items of a body that is an array, still as text. @throws GatewayError ERR_BAD_REQUEST */
export function itemTexts(body: Buffer, maxItems: number): readonly Buffer[] {
  const items = splitArray(body);
  if (items === undefined) throw new GatewayError('ERR_BAD_REQUEST', `the body must be an array, got ${typeOf(parseJson(body).value)}`); // prettier-ignore
  checkCount(items.length, maxItems);
  if (items.some(isBlank)) throw new GatewayError('ERR_BAD_REQUEST', 'the body is not valid JSON');
  return items;
}

/** The items of a body that is an array of small ones, parsed at once. @throws GatewayError ERR_BAD_REQUEST */
export function arrayBody(body: Buffer, maxItems: number): readonly unknown[] {
  checkUtf8(body);
  const { commas } = scanJson(body);
  if (commas >= maxItems && body.subarray(0, 64).toString('latin1').trimStart().startsWith('[')) {
    checkCount(commas + 1, maxItems);
  }
  const value = parsed(body);
  if (!Array.isArray(value)) {
    throw new GatewayError('ERR_BAD_REQUEST', `the body must be an array, got ${typeOf(value)}`);
  }
  return value;
}

function isBlank(text: Buffer): boolean {
  return !text.some((byte) => byte > SPACE);
}

function checkCount(items: number, maxItems: number): void {
  if (items > maxItems) {
    throw new GatewayError('ERR_BAD_REQUEST', `a bulk call takes at most ${maxItems} items, got ${items}`);
  }
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
