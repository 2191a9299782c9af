import { STATUS_CODES } from 'node:http';
import { type Socket } from 'node:net';
import { GatewayError, type ProblemCode, problemAnswer } from '../errors.js';
import { Connection } from './connection.js';
import { SECURITY_HEADERS } from './security-headers.js';

const CODES: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['ERR_HEADERS_TOO_LARGE', 'the request line and headers are larger than the gateway accepts'],
  ERR_HTTP_REQUEST_TIMEOUT: ['ERR_REQUEST_TIMEOUT', 'the request did not arrive in time'],
};

/** How long the other end has to read the answer, and to close. */
const LINGER_MS = 2000;

/**
 * Answers what never became a request: bytes that are no HTTP, headers past their bound, a client that is too slow. Whole
 * requests that came in before it on the connection (HTTP pipelining) are answered first.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  Connection.whenAnswered(socket, () => endWith(error, socket));
}

function endWith(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return;
  const [code, detail] = CODES[error.code ?? ''] ?? ['ERR_BAD_REQUEST', 'the request is not valid HTTP'];
  const { status, headers, body } = problemAnswer(new GatewayError(code, detail));
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  socket.setTimeout(LINGER_MS); // then Node destroys it, whatever the other end does
}
