import { ALWAYS, fromBinary } from '@dcs/protocol';
import { type ByteBudget, Hold } from '../buffers/byte-budget.js';
import { GatewayError, PROBLEMS } from '../errors.js';
import { type DataPlane } from '../routing/data-plane.js';
import { RoutingError } from '../routing/routing-error.js';
import { valueJson } from './entry-json.js';
import { arrayBody, itemObject, itemTexts, parseValueJson } from './json-body.js';
import { checkedKey } from './key.js';
import { ANSWERS_FULL, LARGE_VALUE_BYTES } from './large-answers.js';
import { type Answer, JSON_HEADERS, jsonAnswer } from './reply.js';
import { type StoredValue, storedJson } from './stored-value.js';
import { expiryOf } from './ttl.js';

export interface BulkCallsOptions {
  readonly plane: DataPlane;
  readonly maxValueBytes: number;
  readonly maxItems: number;
  /** Bound of a request's body and of an answer's values. */
  readonly maxBytes: number;
  /** Room for what a read has found, and its answer. */
  readonly answers: ByteBudget;
  readonly now: () => number;
  /** Calls back in a later turn of the event loop. */
  readonly afterTurn: (callback: () => void) => void;
}

/** Operations of one call that are on their way at a time: they are pipelined, one connection per owner. */
const WINDOW = 256;
/** How much one value changes what is taken for the size of the next ones. */
const SIZE_WEIGHT = 1 / 16;
/** JSON text that is parsed in one turn of the event loop: a few milliseconds' worth, whatever it holds. */
const TURN_BYTES = 65_536;
/** A bulk read holds its values, their text put together, and the bytes of that. */
const ANSWER_COPIES = 3;
/** Keys that the header of a partial answer names, in characters. */
const MAX_HEADER_CHARACTERS = 4096;

interface Failure {
  readonly key: string;
  readonly error: RoutingError;
}

interface StoredItem extends StoredValue {
  readonly key: string;
  readonly expiresAt: number;
  /** How many items of the call had this key. */
  items: number;
}

/** The calls on many keys: validated as a whole before anything is sent, then run side by side. */
export class BulkCalls {
  readonly #options: BulkCallsOptions;
  /** What values that were read in bulk took of late, in bytes: a moving average. */
  #valueBytes = 0;

  constructor(options: BulkCallsOptions) {
    this.#options = options;
  }

  async set(body: Buffer): Promise<Answer> {
    const { plane } = this.#options;
    const items = await this.#itemsOf(body);
    let stored = 0;
    const failures = await runAll(
      [...items.values()],
      WINDOW,
      async ({ key, bytes, kind, expiresAt, items: count }) => {
        await plane.set(key, bytes, kind, expiresAt, ALWAYS);
        stored += count;
      },
    );
    return counted('stored', stored, failures, items.size);
  }

  async delete(body: Buffer): Promise<Answer> {
    const { plane } = this.#options;
    let deleted = 0;
    const keys = this.#keysOf(body);
    const failures = await runAll(keys, WINDOW, async ({ key }) => {
      if (await plane.delete(key, ALWAYS)) deleted++;
    });
    return counted('deleted', deleted, failures, keys.length);
  }

  async get(body: Buffer, query: Readonly<Record<string, string | string[] | undefined>>): Promise<Answer> {
    const partial = booleanParameter('partial', query['partial']);
    const keys = this.#keysOf(body);
    const hold = new Hold(this.#options.answers);
    try {
      return await this.#read(keys, partial, hold);
    } catch (error) {
      hold.release();
      throw error;
    }
  }

  async #read(keys: readonly { readonly key: string }[], partial: boolean, hold: Hold): Promise<Answer> {
    const { plane, maxBytes } = this.#options;
    const found = new Map<string, string>();
    let bytes = 0;
    // No more of them on their way than the answer may hold, as far as sizes can be known.
    const window = Math.min(WINDOW, Math.ceil(maxBytes / Math.max(1, this.#valueBytes)));
    const failures = await runAll(keys, window, async ({ key }) => {
      if (bytes > maxBytes) return;
      const entry = await plane.get(key);
      if (entry === undefined) return;
      this.#valueBytes += (entry.value.length - this.#valueBytes) * SIZE_WEIGHT;
      // No value has a text shorter than itself: what is too much is not written to find that out.
      if (bytes + entry.value.length > maxBytes) return void (bytes += entry.value.length);
      const text = valueJson(entry);
      bytes += text.length;
      if (bytes > maxBytes) return;
      if (!hold.resize(bytes * ANSWER_COPIES)) throw new GatewayError('ERR_OVERLOADED', ANSWERS_FULL);
      found.set(key, text);
    });
    if (bytes > maxBytes) {
      throw new GatewayError(
        'ERR_VALUE_TOO_LARGE',
        `the values of a bulk read are at most ${maxBytes} bytes in all; ask for fewer keys`,
      );
    }
    if (failures.length > 0 && !partial) throw unavailable(failures);
    // In the order asked for; text by hand, because no object holds a key such as "__proto__" safely.
    const members: string[] = [];
    for (const { key } of keys) {
      const text = found.get(key);
      if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
    }
    const text = `{${members.join(',')}}`;
    const headers = [...JSON_HEADERS, ...unavailableHeaders(failures)];
    if (text.length < LARGE_VALUE_BYTES) {
      hold.release();
      return jsonAnswer(200, text, headers);
    }
    const answer = Buffer.from(text, 'latin1');
    hold.resize(answer.length);
    return { ...jsonAnswer(200, answer, headers), release: () => hold.release() };
  }

  /** By key: of items with the same key the last one wins, and only it is sent. */
  async #itemsOf(body: Buffer): Promise<Map<string, StoredItem>> {
    const { maxItems, maxValueBytes, now, afterTurn } = this.#options;
    const nowMs = now();
    const items = new Map<string, StoredItem>();
    let parsedBytes = 0;
    for (const [i, text] of itemTexts(body, maxItems).entries()) {
      if (parsedBytes > TURN_BYTES) {
        await new Promise<void>(afterTurn);
        parsedBytes = 0;
      }
      parsedBytes += text.length;
      const where = `item ${i}: `;
      const item = itemObject(parseValueJson(text, maxValueBytes, where), ['key', 'value', 'ttl'], i);
      const key = checkedKey(item['key'], where);
      const value = storedJson(item['value'], maxValueBytes, where);
      const expiresAt = expiryOf(item['ttl'], nowMs, where);
      items.set(key, { ...value, key, expiresAt, items: (items.get(key)?.items ?? 0) + 1 });
    }
    return items;
  }

  #keysOf(body: Buffer): { readonly key: string }[] {
    const keys = arrayBody(body, this.#options.maxItems);
    const distinct = new Set(keys.map((key, i) => checkedKey(key, `item ${i}: `)));
    return [...distinct].map((key) => ({ key }));
  }
}

/** Runs `call` for every item, a bounded number at a time. RoutingErrors are collected, others thrown. */
async function runAll<T extends { readonly key: string }>(
  items: readonly T[],
  window: number,
  call: (item: T) => Promise<void>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next++]!;
      try {
        await call(item);
      } catch (error) {
        if (!(error instanceof RoutingError)) throw error;
        failures.push({ key: item.key, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(window, items.length) }, lane));
  return failures;
}

/** 200 when all was done, 503 when nothing was, 207 in between. */
function counted(name: 'stored' | 'deleted', count: number, failures: readonly Failure[], calls: number): Answer {
  if (failures.length === 0) return jsonAnswer(200, `{"${name}":${count}}`);
  if (failures.length === calls) throw unavailable(failures);
  const failed = failures.map(({ key, error }) => `{"key":${JSON.stringify(key)},"code":"${error.code}"}`);
  return jsonAnswer(207, `{"${name}":${count},"failed":[${failed.join(',')}]}`);
}

/** 503 with the keys that could not be served; the code is that of the first. */
function unavailable(failures: readonly Failure[]): GatewayError {
  const code = failures.map(({ error }) => error.code).find((candidate) => PROBLEMS[candidate].status === 503);
  return new GatewayError(code ?? 'ERR_UNAVAILABLE', `${failures.length} of the keys could not be served`, {
    unavailable: failures.map(({ key }) => fromBinary(key)),
    failed: failures.map(({ key, error }) => ({ key: fromBinary(key), code: error.code })),
  });
}

/** How many keys could not be read, and which: percent-encoded, as many as fit. */
function unavailableHeaders(failures: readonly Failure[]): string[] {
  if (failures.length === 0) return [];
  let names = '';
  for (const { key } of failures) {
    const name = encodeURIComponent(fromBinary(key));
    if (names.length + name.length + 1 > MAX_HEADER_CHARACTERS) break;
    names += names === '' ? name : `,${name}`;
  }
  return ['x-dcs-unavailable', String(failures.length), 'x-dcs-unavailable-keys', names];
}

function booleanParameter(name: string, value: string | string[] | undefined): boolean {
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw new GatewayError('ERR_BAD_REQUEST', `query parameter "${name}" must be true or false`);
}
