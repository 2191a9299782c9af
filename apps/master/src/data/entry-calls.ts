import { createHash } from 'node:crypto';
import {
  bindToken,
  isAscii,
  isEntryKind,
  MAX_CONTENT_TYPE_BYTES,
  MAX_TOKEN_BYTES,
  rawKind,
  TOKEN_DIGEST_CHARACTERS,
} from '@dcs/protocol';
import { GatewayError } from '../errors.js';
import { type DataPlane, type Entry } from '../routing/data-plane.js';
import { entityTag, matchesNone, writeCondition } from './conditions.js';
import { envelope, isText } from './entry-json.js';
import { objectBody, parseJson, parseValueJson } from './json-body.js';
import { checkedKey } from './key.js';
import { BYTES_TYPE, contentTypeOf, negotiate, type Representation, wantsEnvelope } from './negotiation.js';
import { LARGE_VALUE_BYTES, type LargeAnswers } from './large-answers.js';
import { type Answer, JSON_HEADERS, jsonAnswer } from './reply.js';
import { checkSize, storedJson } from './stored-value.js';
import { expiryOf, queryExpiry } from './ttl.js';

export interface EntryCallsOptions {
  readonly plane: DataPlane;
  readonly maxValueBytes: number;
  readonly largeAnswers: LargeAnswers;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The representation depends on Accept, which caches on the way must know. */
const VARY = ['vary', 'accept'] as const;
const NOT_FOUND = 'there is no entry with this key';
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** The calls on one key: what came with the request in, an answer out. Keys come as text, bodies as bytes. */
export class EntryCalls {
  readonly #plane: DataPlane;
  readonly #maxValueBytes: number;
  readonly #largeAnswers: LargeAnswers;
  readonly #now: () => number;

  constructor({ plane, maxValueBytes, largeAnswers, now }: EntryCallsOptions) {
    this.#plane = plane;
    this.#maxValueBytes = maxValueBytes;
    this.#largeAnswers = largeAnswers;
    this.#now = now;
  }

  async get(keyText: string, headers: Headers): Promise<Answer> {
    const key = checkedKey(keyText);
    const entry = await this.#plane.get(key);
    if (entry === undefined) throw notFound();
    const tag = entityTag(entry.version);
    if (matchesNone(single(headers['if-none-match']), entry.version)) {
      return { status: 304, headers: ['etag', tag, ...VARY], body: '' };
    }
    const accept = single(headers.accept);
    if (wantsEnvelope(accept)) return this.#envelope(key, entry, tag);
    const contentType = contentTypeOf(entry.kind, () => isText(entry.value));
    switch (negotiate(accept, contentType)) {
      case 'envelope':
        return this.#envelope(key, entry, tag);
      case 'bytes':
        return this.#answer(
          key,
          entry,
          'bytes',
          ['content-type', contentType, 'etag', tag, ...VARY],
          () => entry.value,
        );
      default:
        throw new GatewayError(
          'ERR_NOT_ACCEPTABLE',
          'the entry is to be had as application/json, as its stored content type or as application/octet-stream',
        );
    }
  }

  async head(keyText: string, headers: Headers): Promise<Answer> {
    const info = await this.#plane.head(checkedKey(keyText));
    if (info === undefined) throw notFound();
    const status = matchesNone(single(headers['if-none-match']), info.version) ? 304 : 200;
    return { status, headers: ['etag', entityTag(info.version), ...VARY], body: '' };
  }

  async set(body: Buffer): Promise<Answer> {
    const { key: keyText, value, ttl } = objectBody(parseValueJson(body, this.#maxValueBytes), ['key', 'value', 'ttl']);
    if (keyText === undefined) throw new GatewayError('ERR_BAD_REQUEST', '"key" is missing');
    const key = checkedKey(keyText);
    const { kind, bytes } = storedJson(value, this.#maxValueBytes);
    const expiresAt = expiryOf(ttl, this.#now());
    const { version } = await this.#plane.set(key, bytes, kind, expiresAt, writeCondition(undefined, undefined));
    return jsonAnswer(200, written(key, version));
  }

  async put(keyText: string, body: Buffer, headers: Headers, query: Headers): Promise<Answer> {
    const key = checkedKey(keyText);
    const expiresAt = queryExpiry(query['ttl'], this.#now());
    const contentType = single(headers['content-type'])?.trim() || BYTES_TYPE;
    if (!isEntryKind(rawKind(contentType))) {
      throw new GatewayError(
        'ERR_BAD_REQUEST',
        `Content-Type must be at most ${MAX_CONTENT_TYPE_BYTES} bytes without control characters, got ${contentType.length}`,
      );
    }
    checkSize(body.length, this.#maxValueBytes);
    const condition = writeCondition(single(headers['if-match']), single(headers['if-none-match']));
    const kind = rawKind(contentType);
    const { created, version } = await this.#plane.set(key, body.toString('latin1'), kind, expiresAt, condition);
    return jsonAnswer(created ? 201 : 200, written(key, version), [...JSON_HEADERS, 'etag', entityTag(version)]);
  }

  async delete(keyText: string, headers: Headers): Promise<Answer> {
    const condition = writeCondition(single(headers['if-match']), undefined);
    if (!(await this.#plane.delete(checkedKey(keyText), condition))) throw notFound();
    return jsonAnswer(200, '{"deleted":true}');
  }

  async increment(keyText: string, body: Buffer, headers: Headers): Promise<Answer> {
    const key = checkedKey(keyText);
    const { by, initial, ttl } = body.length === 0 ? {} : objectBody(parseJson(body), ['by', 'initial', 'ttl']);
    const request = { by: safeInteger('by', by, 1), initial: safeInteger('initial', initial, 0) };
    const expiresAt = expiryOf(ttl, this.#now());
    const idempotencyKey = idempotencyToken(single(headers['idempotency-key']));
    const token = idempotencyKey === '' ? '' : bindToken(idempotencyKey, digestOf({ ...request, ttl: ttl ?? 0 }));
    const { value, version } = await this.#plane.increment(key, { ...request, expiresAt, token });
    return jsonAnswer(200, `{"key":${JSON.stringify(key)},"value":${value},"version":"${version}"}`);
  }

  async touch(keyText: string, body: Buffer): Promise<Answer> {
    const key = checkedKey(keyText);
    const { ttl } = objectBody(parseJson(body), ['ttl']);
    if (ttl === undefined) throw new GatewayError('ERR_TTL_INVALID', '"ttl" is missing');
    const version = await this.#plane.touch(key, expiryOf(ttl, this.#now()));
    if (version === undefined) throw notFound();
    return jsonAnswer(200, written(key, version));
  }

  #envelope(key: string, entry: Entry, tag: string): Answer {
    const headers = [...JSON_HEADERS, 'etag', tag, ...VARY];
    return this.#answer(key, entry, 'envelope', headers, () => envelope(key, entry, this.#now()));
  }

  #answer(key: string, entry: Entry, form: Representation, headers: readonly string[], encode: () => string): Answer {
    if (entry.value.length < LARGE_VALUE_BYTES) return { status: 200, headers, body: encode() };
    return { status: 200, headers, ...this.#largeAnswers.share(key, entry, form, encode) };
  }
}

function written(key: string, version: string): string {
  return `{"key":${JSON.stringify(key)},"version":"${version}"}`;
}

function notFound(): GatewayError {
  return new GatewayError('ERR_NOT_FOUND', NOT_FOUND);
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}

function safeInteger(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value)) return value as number;
  const got = typeof value === 'number' ? String(value) : JSON.stringify(value)?.slice(0, 40);
  throw new GatewayError('ERR_BAD_REQUEST', `"${name}" must be an integer of at most 2^53 - 1 in size, got ${got}`);
}

/** What tells two requests with one Idempotency-Key apart: that they ask for different things. */
function digestOf(request: object): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64url').slice(0, TOKEN_DIGEST_CHARACTERS);
}

function idempotencyToken(header: string | undefined): string {
  if (header === undefined) return '';
  if (header.length <= MAX_TOKEN_BYTES && isAscii(header) && VISIBLE_ASCII.test(header)) return header;
  throw new GatewayError(
    'ERR_BAD_REQUEST',
    `Idempotency-Key must be 1-${MAX_TOKEN_BYTES} visible ASCII characters, got ${header.length}`,
  );
}
