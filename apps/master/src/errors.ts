import { RoutingError } from './routing/routing-error.js';

/** Every code an answer can carry, with its HTTP status and title. Clients branch on the code. */
export const PROBLEMS = {
  ERR_BAD_REQUEST: { status: 400, title: 'Bad request' },
  ERR_KEY_INVALID: { status: 400, title: 'Invalid key' },
  ERR_TTL_INVALID: { status: 400, title: 'Invalid ttl' },
  ERR_UNAUTHORIZED: { status: 401, title: 'Unauthorized' },
  ERR_FORBIDDEN: { status: 403, title: 'Forbidden' },
  ERR_NOT_FOUND: { status: 404, title: 'Not found' },
  ERR_METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  ERR_NOT_ACCEPTABLE: { status: 406, title: 'Not acceptable' },
  ERR_REQUEST_TIMEOUT: { status: 408, title: 'Request timeout' },
  ERR_NOT_A_NUMBER: { status: 409, title: 'Not a number' },
  ERR_PRECONDITION_FAILED: { status: 412, title: 'Precondition failed' },
  ERR_VALUE_TOO_LARGE: { status: 413, title: 'Too large' },
  ERR_UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported media type' },
  ERR_UNKNOWN_HOST: { status: 421, title: 'Unknown host' },
  ERR_IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'Idempotency key reused' },
  ERR_HEADERS_TOO_LARGE: { status: 431, title: 'Headers too large' },
  ERR_INTERNAL: { status: 500, title: 'Internal error' },
  ERR_UNAVAILABLE: { status: 503, title: 'Unavailable' },
  ERR_RECOVERING: { status: 503, title: 'Recovering' },
  ERR_OVERLOADED: { status: 503, title: 'Overloaded' },
  ERR_NO_BACKUP_DIRECTORY: { status: 503, title: 'No backup directory' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

export type HeaderMap = Readonly<Record<string, string>>;

/** What a client did wrong, or what the gateway could not do; the one form in which errors reach an answer. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';

  constructor(
    readonly code: ProblemCode,
    /** Said to the client as `detail`: nothing of the inside. */
    detail: string,
    /** Further members of the problem document. */
    readonly extensions: Readonly<Record<string, unknown>> = {},
    readonly headers: HeaderMap = {},
  ) {
    super(detail);
  }
}

const RETRY_AFTER_SECONDS = '1';

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly body: string;
}

/** The RFC 9457 answer for anything that was thrown. What is not known answers 500 and says nothing more. */
export function problemAnswer(error: unknown): ProblemAnswer {
  const { code, message, extensions, headers } = toGatewayError(error);
  const { status, title } = PROBLEMS[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, detail: message, code, ...extensions });
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...defaultHeaders(code, status), ...headers },
    body,
  };
}

function defaultHeaders(code: ProblemCode, status: number): HeaderMap {
  if (code === 'ERR_NO_BACKUP_DIRECTORY') return {}; // Trying again does not help.
  if (status === 503) return { 'retry-after': RETRY_AFTER_SECONDS };
  if (code === 'ERR_UNAUTHORIZED') return { 'www-authenticate': 'Bearer realm="dcs"' };
  return {};
}

const BY_STATUS = new Map<number, ProblemCode>([
  [400, 'ERR_BAD_REQUEST'],
  [401, 'ERR_UNAUTHORIZED'],
  [403, 'ERR_FORBIDDEN'],
  [404, 'ERR_NOT_FOUND'],
  [405, 'ERR_METHOD_NOT_ALLOWED'],
  [406, 'ERR_NOT_ACCEPTABLE'],
  [408, 'ERR_REQUEST_TIMEOUT'],
  [413, 'ERR_VALUE_TOO_LARGE'],
  [414, 'ERR_KEY_INVALID'],
  [415, 'ERR_UNSUPPORTED_MEDIA_TYPE'],
  [431, 'ERR_HEADERS_TOO_LARGE'],
  [503, 'ERR_UNAVAILABLE'],
]);

/** Details of our own for the errors that the HTTP framework raises, so that none of its wording gets out. */
const FRAMEWORK_DETAILS: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: 'the path is not valid percent-encoding of UTF-8',
  FST_ERR_MAX_PARAM_LENGTH: 'the key in the path is too long',
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is larger than this call accepts',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the content type is not one this call accepts',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'the body does not match its Content-Length',
};

const FRAMEWORK_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_BAD_URL: 'ERR_KEY_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'ERR_KEY_INVALID',
};

export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof RoutingError) return new GatewayError(error.code, error.message);
  const {
    code = '',
    statusCode,
    status = statusCode,
  } = (error ?? {}) as {
    code?: string;
    statusCode?: number;
    status?: number;
  };
  const known = FRAMEWORK_CODES[code] ?? BY_STATUS.get(Number(status));
  if (known) return new GatewayError(known, FRAMEWORK_DETAILS[code] ?? PROBLEMS[known].title);
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new GatewayError('ERR_BAD_REQUEST', 'the request is not valid');
  }
  return new GatewayError('ERR_INTERNAL', 'the request could not be served');
}
