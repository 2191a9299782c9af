import { Reply } from '@dcs/resp';
import { authenticate } from './auth.command.js';
import { isClientName, INVALID_CLIENT_NAME } from './client-name.js';
import { NO_KEYS, type Command } from './command.js';
import { REDIS_VERSION } from './info.command.js';
import type { Session } from './session.js';

const NO_PROTOCOL = Reply.error('NOPROTO unsupported protocol version');
const NOT_A_VERSION = Reply.error('ERR Protocol version is not an integer or out of range');
const NO_AUTH = Reply.error(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
    'option can be used to authenticate the client and select the RESP protocol version at the same time',
);

export const hello = {
  name: 'HELLO',
  arity: -1,
  access: 'open',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'HELLO [2 | 3 [AUTH <user> <secret>] [SETNAME <name>]]: chooses the protocol, tells about the server',
  run(session) {
    const { request } = session;
    let version = session.protocol;
    if (request.argc > 1) {
      const asked = request.integer(1);
      if (asked === undefined) return NOT_A_VERSION;
      if (asked !== 2 && asked !== 3) return NO_PROTOCOL;
      version = asked;
    }
    let name: string | undefined;
    for (let i = 2; i < request.argc; i++) {
      const option = request.upper(i);
      if (option === 'AUTH' && i + 2 < request.argc) {
        const outcome = authenticate(session, request.binary(i + 1), i + 2);
        if (outcome !== Reply.OK) return outcome;
        i += 2;
      } else if (option === 'SETNAME' && i + 1 < request.argc) {
        name = request.binary(++i);
        if (!isClientName(name)) return INVALID_CLIENT_NAME;
      } else {
        return Reply.error(`ERR Syntax error in HELLO option '${request.binary(i).slice(0, 128)}'`);
      }
    }
    if (!session.authenticated) return NO_AUTH;
    if (name !== undefined) session.name = name;
    session.protocol = version;
    return describe(session);
  },
} as const satisfies Command;

function describe({ id, protocol }: Session): string {
  const { bulk, integer } = Reply;
  return (
    Reply.mapHeader(7, protocol) +
    (bulk('server') + bulk('redis')) +
    (bulk('version') + bulk(REDIS_VERSION)) +
    (bulk('proto') + integer(protocol)) +
    (bulk('id') + integer(id)) +
    (bulk('mode') + bulk('cluster')) +
    (bulk('role') + bulk('master')) +
    (bulk('modules') + Reply.arrayHeader(0))
  );
}
