import { utf8ToBinary } from './command.js';

/** The protocol version that a connection speaks: 2, or 3 after `HELLO 3`. */
export type RespVersion = 2 | 3;

// Every function returns a binary string (one char per byte): join them, and write the result with encoding `latin1`.

const LINE_BREAKS = /[\r\n]/g;
// eslint-disable-next-line no-control-regex -- all of latin1 is meant, control characters included
const LATIN1 = /^[\x00-\xff]*$/;

/** A line cannot hold CR or LF: they become blanks. Text beyond latin1 is sent as UTF-8. */
function line(text: string): string {
  return (LATIN1.test(text) ? text : utf8ToBinary(text)).replace(LINE_BREAKS, ' ');
}

const OK = '+OK\r\n';

/** `+text`. CR and LF become blanks. */
function simple(text: string): string {
  return text === 'OK' ? OK : `+${line(text)}\r\n`;
}

/** `-text`, where the first word is the code: `ERR no such key`. CR and LF become blanks. */
function error(text: string): string {
  return `-${line(text)}\r\n`;
}

/** `:n`, for an integer or a bigint of 64 bits. */
function integer(n: number | bigint): string {
  return `:${n}\r\n`;
}

/** `$`, for a binary string. */
function bulk(binary: string): string {
  return `$${binary.length}\r\n${binary}\r\n`;
}

/** `$`, for text, sent as UTF-8. */
function bulkUtf8(text: string): string {
  return bulk(utf8ToBinary(text));
}

/** The missing value: `_` in RESP3, `$-1` in RESP2. */
function nil(protocol: RespVersion): string {
  return protocol === 3 ? '_\r\n' : '$-1\r\n';
}

/** The missing array: `_` in RESP3, `*-1` in RESP2. */
function nullArray(protocol: RespVersion): string {
  return protocol === 3 ? '_\r\n' : '*-1\r\n';
}

/** `*n`; n values follow. */
function arrayHeader(n: number): string {
  return `*${n}\r\n`;
}

/** `%n` in RESP3, `*2n` in RESP2; n keys, each with its value, follow. */
function mapHeader(n: number, protocol: RespVersion): string {
  return protocol === 3 ? `%${n}\r\n` : `*${n * 2}\r\n`;
}

/** `~n` in RESP3, `*n` in RESP2; n values follow. */
function setHeader(n: number, protocol: RespVersion): string {
  return protocol === 3 ? `~${n}\r\n` : `*${n}\r\n`;
}

/** `>n` in RESP3, `*n` in RESP2; n values follow, the first of which names the kind of push. */
function pushHeader(n: number, protocol: RespVersion): string {
  return protocol === 3 ? `>${n}\r\n` : `*${n}\r\n`;
}

/** `#t` or `#f` in RESP3, `:1` or `:0` in RESP2. */
function bool(value: boolean, protocol: RespVersion): string {
  if (protocol === 3) return value ? '#t\r\n' : '#f\r\n';
  return value ? ':1\r\n' : ':0\r\n';
}

/** `,x` in RESP3, a bulk string in RESP2; infinities are `inf` and `-inf`, not-a-number is `nan`. */
function double(value: number, protocol: RespVersion): string {
  const text = Number.isNaN(value)
    ? 'nan'
    : Number.isFinite(value)
      ? Object.is(value, -0)
        ? '-0'
        : String(value)
      : value > 0
        ? 'inf'
        : '-inf';
  return protocol === 3 ? `,${text}\r\n` : bulk(text);
}

/** `(n` in RESP3, a bulk string in RESP2. */
function bigNumber(value: bigint, protocol: RespVersion): string {
  return protocol === 3 ? `(${value}\r\n` : bulk(String(value));
}

/** `=` with a format of three characters (`txt`, `mkd`) in RESP3, a bulk string in RESP2; `binary` is a binary string. */
function verbatim(binary: string, protocol: RespVersion, format: 'txt' | 'mkd' = 'txt'): string {
  return protocol === 3 ? `=${binary.length + 4}\r\n${format}:${binary}\r\n` : bulk(binary);
}

/** Replies of a server, as binary strings, by protocol version where they differ. */
export const Reply = {
  OK,
  simple,
  error,
  integer,
  bulk,
  bulkUtf8,
  nil,
  nullBulk: nil,
  nullArray,
  arrayHeader,
  mapHeader,
  setHeader,
  pushHeader,
  bool,
  double,
  bigNumber,
  verbatim,
} as const;
