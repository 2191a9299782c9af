import { RespProtocolError } from './errors.js';
import { InputBuffer } from './input-buffer.js';
import { splitInlineRequest } from './inline-request.js';
import { integerOption } from './options.js';
import { encodeCommandBinary } from './command.js';
import { upperToken } from './token-cache.js';
import { latin1Slice, utf8Slice } from './slice.js';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;

const MIB = 2 ** 20;
/** Offsets are kept in 32-bit integers. */
const MAX_BYTES = 2 ** 31 - 1;
/** `next` has no more to read until the next `push`. */
const INCOMPLETE = -1;
/** Where an argument is, three integers for each: its `$`, its first byte, the byte after its last. */
const SPAN = 3;
const MIN_SPANS = 16 * SPAN;
/** The span table shrinks back after a request of more arguments than this. */
const KEPT_SPANS = 4096 * SPAN;
const MAX_NEGATIVE_DIGITS = 19;
const EMPTY = Buffer.alloc(0);

export interface RequestDecoderOptions {
  /** Most arguments in a request. @defaultValue 1_048_576 */
  readonly maxArguments?: number;
  /** Most bytes in one argument. @defaultValue 512 MiB */
  readonly maxBulkBytes?: number;
  /** Most bytes in the line of an inline request. @defaultValue 65_536 */
  readonly maxInlineBytes?: number;
  /** Most bytes in a request, framing included. @defaultValue 1 GiB */
  readonly maxRequestBytes?: number;
}

export const REQUEST_DECODER_DEFAULTS: Required<RequestDecoderOptions> = {
  maxArguments: 1_048_576,
  maxBulkBytes: 512 * MIB,
  maxInlineBytes: 65_536,
  maxRequestBytes: 1024 * MIB,
};

/**
 * Reads requests as a Redis server does: arrays of bulk strings, or inline lines.
 *
 * Bytes are parsed where they lie. After `next()` has returned true, the accessors describe the request until the next
 * call of `next()`; nothing is allocated for an argument until it is asked for. Once `next()` has returned false, the
 * chunks pushed so far are no longer referred to and may be reused. O(bytes) however the bytes are cut into chunks;
 * memory at most twice the bytes of the unfinished request, or what it announced if that is less than 16 times.
 */
export class RequestDecoder {
  readonly #maxArguments: number;
  readonly #maxBulkBytes: number;
  readonly #maxInlineBytes: number;
  readonly #maxRequestBytes: number;
  readonly #input = new InputBuffer();
  #failure: RespProtocolError | undefined;

  // The unfinished request; offsets count from its first byte.
  #total = 0;
  #count = 0;
  #cursor = 0;
  #expected = 0;
  #spans = new Int32Array(MIN_SPANS);
  /** Set by #length: the index after the line that it read. */
  #after = 0;

  // The finished one.
  #source: Buffer = EMPTY;
  #origin = 0;
  #argc = 0;

  /** @throws {RespOptionError} a cap that is no integer in range */
  constructor(options: RequestDecoderOptions = {}) {
    const integer = (name: keyof RequestDecoderOptions, min: number, max: number) =>
      integerOption(name, options[name], REQUEST_DECODER_DEFAULTS[name], min, max);
    this.#maxArguments = integer('maxArguments', 1, 2 ** 24);
    this.#maxBulkBytes = integer('maxBulkBytes', 0, MAX_BYTES);
    this.#maxInlineBytes = integer('maxInlineBytes', 1, MAX_BYTES);
    this.#maxRequestBytes = integer('maxRequestBytes', 1, MAX_BYTES);
  }

  /** Hands over bytes. The chunk must not change until `next()` returns false. */
  push(chunk: Buffer): void {
    if (this.#failure === undefined) this.#input.append(chunk, this.#expected);
  }

  /**
   * True when a whole request is ready, described by the accessors. Empty requests are skipped, as Redis does.
   * @throws {RespProtocolError} for good: the stream is lost
   */
  next(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    const input = this.#input;
    for (;;) {
      const { bytes, start: base, end } = input;
      let at = base + this.#cursor;
      let total = this.#total;
      if (total === 0) {
        if (base === end) break;
        if (bytes[base] !== STAR) {
          const found = this.#inline();
          if (found === INCOMPLETE) break;
          if (found === 0) continue;
          return true;
        }
        total = this.#length(bytes, base + 1, end, this.#maxArguments, true);
        if (total === INCOMPLETE) break;
        at = this.#after;
        if (total === 0) {
          input.start = at;
          continue;
        }
        this.#total = total;
        this.#count = 0;
        if (this.#spans.length > KEPT_SPANS) this.#spans = new Int32Array(MIN_SPANS);
      }
      let count = this.#count;
      let spans = this.#spans;
      while (count < total) {
        if (at >= end) break;
        if (bytes[at] !== DOLLAR) this.#fail(`expected '$', got '${String.fromCharCode(bytes[at]!)}'`);
        const length = this.#length(bytes, at + 1, end, this.#maxBulkBytes, false);
        if (length === INCOMPLETE) break;
        const first = this.#after;
        const last = first + length;
        if (last + 2 - base > this.#maxRequestBytes) this.#fail('too big request');
        if (last + 2 > end) {
          this.#expected = last + 2 - base;
          break;
        }
        if (bytes[last] !== CR || bytes[last + 1] !== LF) this.#fail('invalid bulk length');
        const span = count * SPAN;
        if (span === spans.length) spans = this.#moreSpans();
        spans[span] = at - base;
        spans[span + 1] = first - base;
        spans[span + 2] = last - base;
        at = last + 2;
        count++;
      }
      if (count < total) {
        this.#count = count;
        this.#cursor = at - base;
        break;
      }
      this.#describe(bytes, base, count);
      this.#total = 0;
      this.#cursor = 0;
      this.#expected = 0;
      input.start = at;
      return true;
    }
    this.#describe(EMPTY, 0, 0);
    input.own(this.#expected);
    return false;
  }

  /** Arguments in the request, its name included. 0 when there is none. */
  get argc(): number {
    return this.#argc;
  }

  /** The bytes that `start` and `end` index. */
  get source(): Buffer {
    return this.#source;
  }

  /** Index in `source` of the argument's first byte. */
  start(i: number): number {
    return this.#origin + this.#spans[this.#span(i) + 1]!;
  }

  /** Index in `source` after the argument's last byte. */
  end(i: number): number {
    return this.#origin + this.#spans[this.#span(i) + 2]!;
  }

  /** Bytes in the argument. */
  length(i: number): number {
    const span = this.#span(i);
    return this.#spans[span + 2]! - this.#spans[span + 1]!;
  }

  /** The argument as a flat string of its own, one char (0-255) for each byte. */
  binary(i: number): string {
    const span = this.#span(i);
    return latin1Slice(this.#source, this.#origin + this.#spans[span + 1]!, this.#origin + this.#spans[span + 2]!);
  }

  /** The argument as text; bytes that are not UTF-8 become U+FFFD. */
  utf8(i: number): string {
    const span = this.#span(i);
    return utf8Slice(this.#source, this.#origin + this.#spans[span + 1]!, this.#origin + this.#spans[span + 2]!);
  }

  /** A view on the argument's bytes, good until the next call of `next()`; copy it to keep it. */
  buffer(i: number): Buffer {
    return this.#source.subarray(this.start(i), this.end(i));
  }

  /** The argument framed as a reply, `$<length>\r\n<bytes>\r\n`, a flat binary string cut from the wire in one call. */
  framed(i: number): string {
    const span = this.#span(i);
    return latin1Slice(this.#source, this.#origin + this.#spans[span]!, this.#origin + this.#spans[span + 2]! + 2);
  }

  /** The argument with a-z in upper case; no allocation for a short token seen before. */
  upper(i: number): string {
    return upperToken(this.#source, this.start(i), this.end(i));
  }

  /** The argument as an integer, if it is one as Redis reads it (no `+`, blank, leading zero or `-0`) and is safe. */
  integer(i: number): number | undefined {
    const bytes = this.#source;
    const end = this.end(i);
    let at = this.start(i);
    const negative = bytes[at] === MINUS && at < end;
    if (negative) at++;
    if (at === end) return undefined;
    if (bytes[at] === ZERO) return end - at === 1 && !negative ? 0 : undefined;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
      if (value > Number.MAX_SAFE_INTEGER) return undefined;
    }
    return negative ? -value : value;
  }

  #span(i: number): number {
    if (i >>> 0 >= this.#argc) throw new RangeError(`argument ${i} of a request of ${this.#argc}`);
    return i * SPAN;
  }

  /** What the accessors speak of from now on. */
  #describe(source: Buffer, origin: number, argc: number): void {
    this.#source = source;
    this.#origin = origin;
    this.#argc = argc;
  }

  #moreSpans(): Int32Array<ArrayBuffer> {
    const more = new Int32Array(this.#spans.length * 2);
    more.set(this.#spans);
    this.#spans = more;
    return more;
  }

  /**
   * The decimal number of a `*` or `$` line that starts at `at`, or INCOMPLETE; `#after` is then the index after its
   * CRLF. Checked digit by digit, so that a number above `max` is refused before anything is done about it.
   */
  #length(bytes: Buffer, at: number, end: number, max: number, multibulk: boolean): number {
    const negative = multibulk && at < end && bytes[at] === MINUS; // Redis ignores requests of negative size
    const first = negative ? at + 1 : at;
    let i = first;
    let value = 0;
    for (; i < end; i++) {
      const digit = bytes[i]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      if (negative ? i - first >= MAX_NEGATIVE_DIGITS : value > max || (i > first && bytes[first] === ZERO)) {
        this.#failLength(multibulk);
      }
    }
    if (i < end && (i === first || bytes[i] !== CR || (i + 1 < end && bytes[i + 1] !== LF)))
      this.#failLength(multibulk);
    if (i + 1 >= end) return INCOMPLETE;
    this.#after = i + 2;
    return negative ? 0 : value;
  }

  /** Reads a line: the number of its arguments (the request is finished), 0 for a blank one, or INCOMPLETE. */
  #inline(): number {
    const input = this.#input;
    const from = input.start + this.#cursor;
    const found = input.bytes.subarray(0, input.end).indexOf(LF, from);
    const size = (found === -1 ? input.end : found) - input.start;
    if (size > this.#maxInlineBytes) this.#fail('too big inline request');
    if (found === -1) {
      this.#cursor = size; // scanned: not looked at again
      return INCOMPLETE;
    }
    let args: string[];
    try {
      args = splitInlineRequest(latin1Slice(input.bytes, input.start, found));
    } catch (error) {
      this.#throw(error as RespProtocolError);
    }
    input.start = found + 1;
    this.#cursor = 0;
    if (args.length === 0) return 0;
    if (args.length > this.#maxArguments) this.#fail('invalid multibulk length');
    this.#respell(args);
    return args.length;
  }

  /** Makes an inline request look as if it had been sent as an array, so that one set of accessors serves both. */
  #respell(args: string[]): void {
    const source = Buffer.from(encodeCommandBinary(args), 'latin1');
    while (this.#spans.length < args.length * SPAN) this.#moreSpans();
    let at = source.indexOf(LF) + 1;
    for (let i = 0; i < args.length; i++) {
      if (args[i]!.length > this.#maxBulkBytes) this.#fail('invalid bulk length');
      const first = source.indexOf(LF, at) + 1;
      this.#spans[i * SPAN] = at;
      this.#spans[i * SPAN + 1] = first;
      this.#spans[i * SPAN + 2] = first + args[i]!.length;
      at = first + args[i]!.length + 2;
    }
    this.#describe(source, 0, args.length);
  }

  #failLength(multibulk: boolean): never {
    this.#fail(multibulk ? 'invalid multibulk length' : 'invalid bulk length');
  }

  #fail(what: string): never {
    this.#throw(new RespProtocolError(`Protocol error: ${what}`));
  }

  #throw(failure: RespProtocolError): never {
    this.#failure = failure;
    this.#describe(EMPTY, 0, 0);
    this.#input.clear();
    this.#spans = new Int32Array(MIN_SPANS);
    throw failure;
  }
}
