import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { SYNTAX_ERROR, WRONG_PASSWORD } from './errors.js';
import type { Session } from './session.js';

const NO_SECRET = Reply.error(
  'ERR AUTH <password> called without any password configured for the default user. ' +
    'Are you sure your configuration is correct?',
);
/** The one user that there is, as in a Redis without ACLs. */
const USER = 'default';

export const auth = {
  name: 'AUTH',
  arity: -2,
  flags: ['loading', 'stale', 'fast', 'no_auth'],
  keys: NO_KEYS,
  summary: 'Gives the cluster secret: AUTH [default] <secret>',
  run(session) {
    const { request, context } = session;
    if (request.argc > 3) return SYNTAX_ERROR;
    if (request.argc === 2) return context.secretRequired ? authenticate(session, USER, 1) : NO_SECRET;
    return authenticate(session, request.binary(1), 2);
  },
} as const satisfies Command;

/** Where no secret is set, user `default` is let in with any password, as in Redis. */
export function authenticate(session: Session, user: string, secretAt: number): string {
  const { request, context } = session;
  const right = !context.secretRequired || context.isSecret(request.binary(secretAt));
  if (user !== USER || !right) return WRONG_PASSWORD;
  session.authenticated = true;
  return Reply.OK;
}
