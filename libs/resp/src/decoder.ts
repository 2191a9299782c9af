import { RespOptionError, RespProtocolError, respError } from './errors.js';
import { InputBuffer } from './input-buffer.js';
import { integerOption } from './options.js';
import { parseBigNumber, parseDouble } from './scalar.js';
import type { BulkKind, RespValue } from './value.js';
import { latin1Slice, utf8Slice } from './slice.js';

const CR = 13;
const LF = 10;
const ZERO = 48;
const MINUS = 45;
const PLUS = 43;
const QUESTION = 63;
const COLON = 58;

// The first byte of each type.
const ARRAY = 42; // *
const ATTRIBUTE = 124; // |
const BIG_NUMBER = 40; // (
const BLOB_ERROR = 33; // !
const BOOLEAN = 35; // #
const BULK = 36; // $
const DOUBLE = 44; // ,
const ERROR = 45; // -
const INTEGER = 58; // :
const MAP = 37; // %
const NULL = 95; // _
const PUSH = 62; // >
const SET = 126; // ~
const SIMPLE = 43; // +
const VERBATIM = 61; // =

const MIB = 2 ** 20;
const MAX_BYTES = 2 ** 31 - 1;
/** Digits that a number always holds exactly; longer integers take the slow way. */
const EXACT_DIGITS = 15;
/** `txt:` before the payload of a verbatim string. */
const VERBATIM_PREFIX = 4;
const MISSING = -1;
const UNFINISHED = -2;
/** What follows the type byte of a missing string or array in RESP2. */
const MISSING_LENGTH = Buffer.from('-1\r\n');

/** No whole token is there. */
const INCOMPLETE = Symbol('incomplete');
/** A token that is no value: the header of an aggregate, whose elements come next. */
const OPENED = Symbol('opened');

interface Frame {
  readonly type: number;
  readonly items: RespValue[];
  missing: number;
}

export interface DecoderOptions {
  /** What bulk and verbatim strings become. @defaultValue 'utf8' */
  readonly bulk?: BulkKind;
  /** Most aggregates inside one another. @defaultValue 64 */
  readonly maxDepth?: number;
  /** Most elements in an aggregate (a map of n pairs has 2n). @defaultValue 1_048_576 */
  readonly maxElements?: number;
  /** Most bytes in a bulk string. @defaultValue 512 MiB */
  readonly maxBulkBytes?: number;
  /** Most bytes in a line: simple strings, errors, numbers. @defaultValue 65_536 */
  readonly maxLineBytes?: number;
  /** Most bytes in a reply, framing included. @defaultValue 1 GiB */
  readonly maxReplyBytes?: number;
  /** Out-of-band messages (`>`), whole. Without it they are dropped. */
  readonly onPush?: (items: RespValue[]) => void;
}

export const DECODER_DEFAULTS = {
  bulk: 'utf8' as BulkKind,
  maxDepth: 64,
  maxElements: 1_048_576,
  maxBulkBytes: 512 * MIB,
  maxLineBytes: 65_536,
  maxReplyBytes: 1024 * MIB,
};

/**
 * Reads replies as a client does, RESP2 and RESP3. Feed it with `push`, then take replies with `next` until it is false;
 * each is in `value`. O(bytes) however the bytes are cut; every cap is checked before anything is allocated, and an
 * announced length allocates nothing by itself. What it delivers never shares memory with the chunks.
 * Streamed aggregates and strings (`*?`, `$?`), which no Redis sends, are refused.
 */
export class Decoder {
  /** The reply that the last `next()` found. */
  value: RespValue = null;

  readonly #bulk: BulkKind;
  readonly #maxDepth: number;
  readonly #maxElements: number;
  readonly #maxBulkBytes: number;
  readonly #maxLineBytes: number;
  readonly #maxReplyBytes: number;
  readonly #onPush: ((items: RespValue[]) => void) | undefined;
  readonly #input = new InputBuffer();
  readonly #stack: Frame[] = [];
  #failure: RespProtocolError | undefined;
  /** Bytes of the unfinished reply that are consumed already. */
  #consumed = 0;
  /** Bytes from the input's start that the unfinished token needs, if known. */
  #expected = 0;
  /** Bytes of an unfinished line that hold no CR. */
  #scanned = 0;
  /** Index after the token or the line read last. */
  #after = 0;

  /** @throws {RespOptionError} */
  constructor(options: DecoderOptions = {}) {
    this.#bulk = options.bulk ?? DECODER_DEFAULTS.bulk;
    if (!['utf8', 'buffer', 'binary'].includes(this.#bulk)) {
      throw new RespOptionError('bulk', this.#bulk, "'utf8', 'buffer' or 'binary'");
    }
    const integer = (name: Exclude<keyof typeof DECODER_DEFAULTS, 'bulk'>, min: number, max: number) =>
      integerOption(name, options[name], DECODER_DEFAULTS[name], min, max);
    this.#maxDepth = integer('maxDepth', 0, 10_000);
    this.#maxElements = integer('maxElements', 0, 2 ** 26);
    this.#maxBulkBytes = integer('maxBulkBytes', 0, MAX_BYTES);
    this.#maxLineBytes = integer('maxLineBytes', 32, MAX_BYTES);
    this.#maxReplyBytes = integer('maxReplyBytes', 1, MAX_BYTES);
    this.#onPush = options.onPush;
  }

  /** Hands over bytes. The chunk must not change until `next()` returns false. */
  push(chunk: Buffer): void {
    if (this.#failure === undefined) this.#input.append(chunk, this.#expected);
  }

  /**
   * True when a whole reply is in `value`.
   * @throws {RespProtocolError} for good: the stream is lost
   */
  next(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    const input = this.#input;
    while (input.start < input.end) {
      const start = input.start;
      const token = this.#token(input.bytes, start, input.end);
      if (token === INCOMPLETE) break;
      this.#expected = 0;
      this.#scanned = 0;
      input.start = this.#after;
      this.#consumed += this.#after - start;
      if (this.#consumed > this.#maxReplyBytes) this.#failSize();
      if (token !== OPENED && this.#place(token)) return true;
    }
    input.own(this.#expected);
    return false;
  }

  /** Puts a value where it belongs; true when that completes a reply, which is then in `value`. */
  #place(value: RespValue): boolean {
    const stack = this.#stack;
    for (let depth = stack.length; depth > 0; depth--) {
      const frame = stack[depth - 1]!;
      frame.items.push(value);
      if (--frame.missing > 0) return false;
      stack.pop();
      if (frame.type === ATTRIBUTE) return false; // what it is about comes next
      if (frame.type === PUSH) {
        this.#consumed = 0;
        this.#onPush?.(frame.items);
        return false;
      }
      value = aggregate(frame);
    }
    this.value = value;
    this.#consumed = 0;
    return true;
  }

  /** Reads the token at `start`; when it is whole, `#after` is the index after it. */
  #token(bytes: Buffer, start: number, end: number): RespValue | typeof INCOMPLETE | typeof OPENED {
    const type = bytes[start]!;
    switch (type) {
      case BULK:
      case VERBATIM:
      case BLOB_ERROR:
        return this.#blob(type, bytes, start, end);
      case ARRAY:
      case MAP:
      case SET:
      case PUSH:
      case ATTRIBUTE:
        return this.#open(type, bytes, start, end);
      case SIMPLE:
      case ERROR:
      case INTEGER:
      case NULL:
      case BOOLEAN:
      case DOUBLE:
      case BIG_NUMBER:
        break;
      default:
        this.#fail(`unknown type byte 0x${type.toString(16).padStart(2, '0')}`);
    }
    const last = this.#line(bytes, start, end);
    if (last === UNFINISHED) return INCOMPLETE;
    this.#after = last + 2;
    const first = start + 1;
    switch (type) {
      case SIMPLE:
        if (last - first === 2 && bytes[first] === 79 && bytes[first + 1] === 75) return 'OK';
        return this.#bulk === 'binary' ? latin1Slice(bytes, first, last) : utf8Slice(bytes, first, last);
      case ERROR:
        return respError(utf8Slice(bytes, first, last));
      case INTEGER:
        return this.#integer(bytes, first, last);
      case DOUBLE:
        return this.#parsed(parseDouble, latin1Slice(bytes, first, last));
      case BIG_NUMBER:
        return this.#parsed(parseBigNumber, latin1Slice(bytes, first, last));
      case NULL:
        if (last !== first) this.#fail('invalid null');
        return null;
      default: {
        const letter = bytes[first];
        if (last - first !== 1 || (letter !== 0x74 && letter !== 0x66)) this.#fail('invalid boolean');
        return letter === 0x74;
      }
    }
  }

  #blob(type: number, bytes: Buffer, start: number, end: number): RespValue | typeof INCOMPLETE {
    const length = this.#length(bytes, start + 1, end, this.#maxBulkBytes, 'bulk');
    if (length === UNFINISHED) return INCOMPLETE;
    if (length === MISSING) {
      if (type !== BULK) this.#fail('invalid bulk length');
      return null;
    }
    const first = this.#after;
    const last = first + length;
    if (last + 2 > end) {
      this.#expected = last + 2 - start;
      if (this.#consumed + this.#expected > this.#maxReplyBytes) this.#failSize();
      return INCOMPLETE;
    }
    if (bytes[last] !== CR || bytes[last + 1] !== LF) this.#fail('bulk string without CRLF at its end');
    this.#after = last + 2;
    if (type === BULK) return this.#payload(bytes, first, last);
    if (type === BLOB_ERROR) return respError(utf8Slice(bytes, first, last));
    if (length < VERBATIM_PREFIX || bytes[first + VERBATIM_PREFIX - 1] !== COLON) {
      this.#fail('verbatim string without a format');
    }
    return this.#payload(bytes, first + VERBATIM_PREFIX, last);
  }

  #payload(bytes: Buffer, first: number, last: number): RespValue {
    if (this.#bulk === 'binary') return latin1Slice(bytes, first, last);
    if (this.#bulk === 'utf8') return utf8Slice(bytes, first, last);
    return Buffer.from(bytes.subarray(first, last)); // a copy: it neither pins the chunk nor changes with it
  }

  #open(type: number, bytes: Buffer, start: number, end: number): RespValue | typeof INCOMPLETE | typeof OPENED {
    const paired = type === MAP || type === ATTRIBUTE;
    const limit = paired ? Math.floor(this.#maxElements / 2) : this.#maxElements;
    const count = this.#length(bytes, start + 1, end, limit, 'aggregate');
    if (count === UNFINISHED) return INCOMPLETE;
    const depth = this.#stack.length;
    if (type === PUSH && depth > 0) this.#fail('push inside another reply');
    if (count === MISSING) {
      if (type !== ARRAY) this.#fail('invalid aggregate length');
      return null;
    }
    if (depth >= this.#maxDepth) this.#fail(`nesting deeper than ${this.#maxDepth}`);
    const frame: Frame = { type, items: [], missing: paired ? count * 2 : count };
    if (count > 0) {
      this.#stack.push(frame);
      return OPENED;
    }
    if (type === PUSH) this.#fail('empty push');
    return type === ATTRIBUTE ? OPENED : aggregate(frame);
  }

  /** The index of the CR that ends the line at `start`, or UNFINISHED. */
  #line(bytes: Buffer, start: number, end: number): number {
    const limit = Math.min(end, start + this.#maxLineBytes + 2);
    let at = start + Math.max(1, this.#scanned);
    while (at < limit && bytes[at] !== CR) {
      if (bytes[at] === LF) this.#fail('line feed without carriage return');
      at++;
    }
    if (at - start - 1 > this.#maxLineBytes) this.#fail(`line of more than ${this.#maxLineBytes} bytes`);
    if (at + 1 >= end) {
      this.#scanned = at - start;
      return UNFINISHED;
    }
    if (bytes[at + 1] !== LF) this.#fail('carriage return without line feed');
    return at;
  }

  #integer(bytes: Buffer, first: number, last: number): number | bigint {
    const sign = bytes[first];
    let at = sign === MINUS || sign === PLUS ? first + 1 : first;
    if (at >= last) this.#fail('invalid integer');
    if (last - at > EXACT_DIGITS) {
      const big = this.#parsed(parseBigNumber, latin1Slice(bytes, first, last));
      return Number.isSafeInteger(Number(big)) ? Number(big) : big;
    }
    let value = 0;
    for (; at < last; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) this.#fail('invalid integer');
      value = value * 10 + digit;
    }
    return sign === MINUS && value !== 0 ? -value : value;
  }

  /** The number of a length line, MISSING for -1, or UNFINISHED; `#after` is then the index after its CRLF. */
  #length(bytes: Buffer, first: number, end: number, max: number, what: 'bulk' | 'aggregate'): number {
    let at = first;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      if (value > max) this.#fail(`${what} length above ${max}`);
      if (at > first && bytes[first] === ZERO) this.#fail(`invalid ${what} length`);
    }
    if (at < end && at === first) return this.#noLength(bytes, first, end, what);
    if (at < end && bytes[at] !== CR) this.#fail(`invalid ${what} length`);
    if (at + 1 >= end) return UNFINISHED;
    if (bytes[at + 1] !== LF) this.#fail(`invalid ${what} length`);
    this.#after = at + 2;
    return value;
  }

  /** A length that does not begin with a digit: `-1`, or wrong. */
  #noLength(bytes: Buffer, first: number, end: number, what: string): number {
    if (bytes[first] === QUESTION) this.#fail(`streamed ${what}s are not supported`);
    for (let i = 0; i < MISSING_LENGTH.length; i++) {
      if (first + i >= end) return UNFINISHED;
      if (bytes[first + i] !== MISSING_LENGTH[i]) this.#fail(`invalid ${what} length`);
    }
    this.#after = first + MISSING_LENGTH.length;
    return MISSING;
  }

  #parsed<T>(parse: (text: string) => T, text: string): T {
    try {
      return parse(text);
    } catch (error) {
      this.#throw(error as RespProtocolError);
    }
  }

  #failSize(): never {
    this.#fail(`reply of more than ${this.#maxReplyBytes} bytes`);
  }

  #fail(what: string): never {
    this.#throw(new RespProtocolError(`Protocol error: ${what}`));
  }

  #throw(failure: RespProtocolError): never {
    this.#failure = failure;
    this.#stack.length = 0;
    this.#input.clear();
    throw failure;
  }
}

function aggregate({ type, items }: Frame): RespValue {
  if (type === ARRAY) return items;
  if (type === SET) return new Set(items);
  const map = new Map<RespValue, RespValue>();
  for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  return map;
}
