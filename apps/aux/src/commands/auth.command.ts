import { Reply } from '@dcs/resp';
import { ACCESS_LEVELS } from './access.js';
import { NO_KEYS, type Command } from './command.js';
import { SYNTAX_ERROR, WRONG_PASSWORD } from './errors.js';
import { DEFAULT_USER, type Session } from './session.js';

const NO_TOKENS = Reply.error(
  'ERR AUTH <password> called without any password configured for the default user. ' +
    'Are you sure your configuration is correct?',
);

export const auth = {
  name: 'AUTH',
  arity: -2,
  access: 'open',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'AUTH [name] <token>: says who calls, by a token of DCS_API_TOKENS',
  run(session) {
    const { request, context } = session;
    if (request.argc > 3) return SYNTAX_ERROR;
    if (request.argc === 2) return context.closedToStrangers ? authenticate(session, DEFAULT_USER, 1) : NO_TOKENS;
    return authenticate(session, request.binary(1), 2);
  },
} as const satisfies Command;

/**
 * Clients that are configured with a password alone call themselves `default`: the token says who they are. Where anybody
 * is let in, `default` is with any password, as in Redis.
 */
export function authenticate(session: Session, user: string, tokenAt: number): string {
  const { request, context } = session;
  const given = request.binary(tokenAt);
  if (!context.closedToStrangers) return user === DEFAULT_USER ? Reply.OK : WRONG_PASSWORD;
  const token = context.tokens.find(given, user === DEFAULT_USER ? undefined : user);
  if (token !== undefined) {
    session.level = ACCESS_LEVELS[token.role];
    session.token = token;
    return Reply.OK;
  }
  if (user !== DEFAULT_USER || !context.peers.takesPlain(given)) return WRONG_PASSWORD;
  session.gaveSecret = true;
  session.level = ACCESS_LEVELS.admin;
  return Reply.OK;
}
