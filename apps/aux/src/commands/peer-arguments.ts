import {
  decodeCondition,
  isVersionText,
  MAX_KEY_BYTES,
  MAX_BOUND_TOKEN_BYTES,
  parseVersion,
  ProtocolError,
  type RepeatedOperation,
  type WriteCondition,
} from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import type { Operation } from '../node/writer.js';
import type { Request, Session } from './session.js';

/** The stamp and attempt of a write between our own parts: arguments 2 and 3. @throws ProtocolError */
export function parseOperation(request: Request): Operation {
  return { stamp: parseVersion(request.binary(2)), attempt: integerArgument(request, 3, 'attempt', 1) };
}

/** The operation of a write between our own parts, on whichever attempt; `undefined` without a stamp that is one. */
export function operationOf(request: Request, token = ''): RepeatedOperation | undefined {
  const stamp = request.binary(2);
  return isVersionText(stamp) ? { stamp: parseVersion(stamp), token } : undefined;
}

/** What such a write repeats: a first attempt nothing, but for one with a client's token. */
export function repeatedOperation(request: Request, token = ''): RepeatedOperation | undefined {
  return token === '' && request.binary(3) === '1' ? undefined : operationOf(request, token);
}

/** @throws ProtocolError */
export function parseCondition(request: Request, index: number): WriteCondition {
  return decodeCondition(request.binary(index));
}

/** A key among the arguments of a command for peers, which no slot is looked up for. @throws ProtocolError */
export function keyArgument(request: Request, index: number): string {
  const bytes = request.length(index);
  if (bytes > 0 && bytes <= MAX_KEY_BYTES) return request.binary(index);
  throw new ProtocolError('ERR_PROTOCOL_HEADER', `key: got ${bytes} bytes, want 1 to ${MAX_KEY_BYTES}`);
}

/** A client's token, or ''. @throws ProtocolError */
export function tokenArgument(request: Request, index: number): string {
  const bytes = request.length(index);
  if (bytes <= MAX_BOUND_TOKEN_BYTES) return request.binary(index);
  throw new ProtocolError('ERR_PROTOCOL_HEADER', `token: got ${bytes} bytes, want at most ${MAX_BOUND_TOKEN_BYTES}`);
}

/** @throws ProtocolError unless the argument is a safe integer of at least `min` */
export function integerArgument(request: Request, index: number, name: string, min = -Infinity): number {
  const value = request.integer(index);
  if (value !== undefined && value >= min) return value;
  const got = JSON.stringify(request.utf8(index).slice(0, 40));
  throw new ProtocolError(
    'ERR_PROTOCOL_HEADER',
    `${name}: got ${got}, want an integer${min === -Infinity ? '' : ` from ${min}`}`,
  );
}

/**
 * What a node that imports asks of this one, answered only in the view that it has or a newer one: with an older view
 * this node may still take writes for slots that it has lost, which the answer would not have.
 */
export function inViewOf(session: Session, epochAt: number, run: () => string): string {
  const { epoch } = session.node.ownership;
  if (epoch < integerArgument(session.request, epochAt, 'epoch', 0)) return Reply.error(`STALEVIEW ${epoch}`);
  return run();
}
