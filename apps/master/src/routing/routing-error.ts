export type RoutingErrorCode =
  | 'ERR_UNAVAILABLE'
  | 'ERR_RECOVERING'
  | 'ERR_OVERLOADED'
  | 'ERR_PRECONDITION_FAILED'
  | 'ERR_NOT_A_NUMBER'
  | 'ERR_IDEMPOTENCY_KEY_REUSED'
  | 'ERR_VALUE_TOO_LARGE';

/** Why an operation was not done. The message may reach a client: it names no address. */
export class RoutingError extends Error {
  override readonly name = 'RoutingError';

  constructor(
    readonly code: RoutingErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** Without a stack trace: an outage makes thousands of these, and they are told apart by code. */
export function routingError(code: RoutingErrorCode, message: string, cause?: unknown): RoutingError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new RoutingError(code, message, cause);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
