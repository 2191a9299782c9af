import { ALWAYS, IF_ABSENT, IF_PRESENT, KIND_STRING, type WriteCondition } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply, SYNTAX_ERROR } from './errors.js';
import { type ExpiryUnit, isExpiryUnit, parseExpiry } from './expiry.js';
import type { Request, Session } from './session.js';

interface SetOptions {
  condition: WriteCondition;
  get: boolean;
  keepTtl: boolean;
  unit: ExpiryUnit | undefined;
  timeAt: number;
}

export const set = {
  name: 'SET',
  arity: -3,
  access: 'write',
  flags: ['write', 'denyoom'],
  keys: ONE_KEY,
  summary: 'Sets the value of a key, with an expiry and a condition if given',
  isBlind: (request) => request.argc === 3,
  run(session) {
    const { request, node } = session;
    const { writer } = node;
    if (request.argc === 3) {
      const result = writer.set(
        writer.begin(),
        request.binary(1),
        request.framed(2),
        0,
        KIND_STRING,
        session.slot,
        ALWAYS,
      );
      return result.refused === undefined ? Reply.OK : refusalReply(result);
    }
    const options = parseOptions(request);
    if (options === undefined) return SYNTAX_ERROR;
    return setWith(session, options);
  },
} as const satisfies Command;

function setWith(session: Session, { condition, get, keepTtl, unit, timeAt }: SetOptions): string {
  const { request, node, protocol } = session;
  const { writer, store } = node;
  const key = request.binary(1);
  let expiresAt = 0;
  if (unit !== undefined) {
    const parsed = parseExpiry(request, timeAt, unit, node.now(), 'SET');
    if (typeof parsed === 'string') return parsed;
    expiresAt = parsed;
  }
  const before = get ? store.get(key) : keepTtl ? store.peek(key) : undefined;
  if (keepTtl && before !== undefined) expiresAt = before.expiresAt;
  const result = writer.set(writer.begin(), key, request.framed(2), expiresAt, KIND_STRING, session.slot, condition);
  if (result.refused !== undefined && result.refused !== 'PRECONDITION') return refusalReply(result);
  if (get) return before === undefined ? Reply.nil(protocol) : before.framed;
  return result.refused === undefined ? Reply.OK : Reply.nil(protocol);
}

/** `undefined` when the options do not go together. */
function parseOptions(request: Request): SetOptions | undefined {
  const options: SetOptions = { condition: ALWAYS, get: false, keepTtl: false, unit: undefined, timeAt: 0 };
  for (let i = 3; i < request.argc; i++) {
    const token = request.upper(i);
    if ((token === 'NX' || token === 'XX') && (options.condition === ALWAYS || options.condition === named(token))) {
      options.condition = named(token);
    } else if (token === 'GET') {
      options.get = true;
    } else if (token === 'KEEPTTL' && options.unit === undefined) {
      options.keepTtl = true;
    } else if (isExpiryUnit(token) && (options.unit ?? token) === token && !options.keepTtl && i + 1 < request.argc) {
      options.unit = token;
      options.timeAt = ++i;
    } else {
      return undefined;
    }
  }
  return options;
}

function named(token: 'NX' | 'XX'): WriteCondition {
  return token === 'NX' ? IF_ABSENT : IF_PRESENT;
}
