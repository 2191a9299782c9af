import { type ServerResponse } from 'node:http';
import { problemAnswer } from '../errors.js';

/**
 * An answer of the data API. Bodies are binary strings, whose length in bytes is known and which go out as latin1, or
 * bytes that several answers may share.
 */
export interface Answer {
  readonly status: number;
  /** Names and values in turn, as `writeHead` takes them. */
  readonly headers: readonly string[];
  readonly body: string | Buffer;
  /** Gives back what the body took of the budget of answers; to be called once, when it was read or is not sent. */
  readonly release?: () => void;
}

export const JSON_HEADERS: readonly string[] = ['content-type', 'application/json; charset=utf-8'];
const NOT_MODIFIED = 304;

export function jsonAnswer(status: number, body: string | Buffer, headers: readonly string[] = JSON_HEADERS): Answer {
  return { status, headers, body };
}

export function problemReply(error: unknown): Answer {
  const { status, headers, body } = problemAnswer(error);
  return { status, headers: Object.entries(headers).flat(), body: Buffer.from(body, 'utf8').toString('latin1') };
}

/** Writes the answer in one go; `closing`: the connection is not to be used again. */
export function sendAnswer(response: ServerResponse, answer: Answer, isHead: boolean, closing: boolean): void {
  const { status, headers, body } = answer;
  const bodyless = isHead || status === NOT_MODIFIED;
  const all = headers.slice();
  if (!bodyless) all.push('content-length', String(body.length));
  if (closing) all.push('connection', 'close');
  response.writeHead(status, all);
  if (bodyless) response.end();
  else if (typeof body === 'string') response.end(body, 'latin1');
  else response.end(body);
}
