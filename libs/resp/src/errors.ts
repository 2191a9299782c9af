/** What went wrong, for code to branch on. Messages may change, codes do not. */
export type RespErrorCode =
  | 'ERR_RESP_OPTION'
  | 'ERR_RESP_PROTOCOL'
  | 'ERR_RESP_TIMEOUT'
  | 'ERR_RESP_NOT_CONNECTED'
  | 'ERR_RESP_CONNECTION_LOST'
  | 'ERR_RESP_OVERLOADED'
  | 'ERR_RESP_HANDSHAKE'
  | 'ERR_RESP_CLOSED';

/** An option that cannot be honoured; the message names it, what it got and what it wants. */
export class RespOptionError extends RangeError {
  readonly code = 'ERR_RESP_OPTION';
  override readonly name = 'RespOptionError';

  constructor(option: string, got: unknown, wants: string) {
    super(`option ${option}: got ${String(got)}, wants ${wants}`);
  }
}

/**
 * Bytes that are not RESP, or that exceed a cap. The stream cannot be resynchronised: the decoder that threw it throws
 * it again on every further call, and the connection should be closed. Messages of the request decoder are Redis's own
 * (`Protocol error: ...`), so that `-ERR ${message}` is what a Redis server would answer.
 */
export class RespProtocolError extends Error {
  readonly code = 'ERR_RESP_PROTOCOL';
  override readonly name = 'RespProtocolError';
}

/** Runs `create` with stack capture off: an error that the wire delivers has no interesting stack, and capture costs microseconds. */
function withoutStack<T extends Error>(create: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/**
 * An error reply (`-` or `!`). `message` is the whole text, `code` its first word: `MOVED`, `WRONGTYPE`, `ERR`, ...
 * Made by {@link respError}, without a stack trace.
 */
export class RespError extends Error {
  override readonly name = 'RespError';
  readonly code: string;

  constructor(message: string) {
    super(message);
    const space = message.indexOf(' ');
    this.code = space === -1 ? message : message.slice(0, space);
  }
}

/** A {@link RespError} without the cost of a stack trace. */
export function respError(message: string): RespError {
  return withoutStack(() => new RespError(message));
}

/**
 * Why a request of {@link RespClient} has no reply. `sent` says whether its bytes may have reached the peer: with
 * `false` a retry elsewhere cannot apply it twice.
 */
export class RespClientError extends Error {
  override readonly name = 'RespClientError';

  constructor(
    readonly code: Exclude<RespErrorCode, 'ERR_RESP_OPTION' | 'ERR_RESP_PROTOCOL'>,
    message: string,
    readonly sent: boolean,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** A {@link RespClientError} without the cost of a stack trace (thousands may fail at once). */
export function clientError(
  code: RespClientError['code'],
  message: string,
  sent: boolean,
  cause?: unknown,
): RespClientError {
  return withoutStack(() => new RespClientError(code, message, sent, cause));
}
