import { PROTOCOL_VERSION } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

const ROLES: readonly string[] = ['master', 'aux'];

export const dcsHello = {
  name: 'DCS.HELLO',
  arity: 4,
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'DCS.HELLO <protocol version> <role> <id>: the other end is a part of the cache',
  run(session) {
    const { request } = session;
    const version = request.integer(1);
    const role = request.binary(2);
    if (version !== PROTOCOL_VERSION) {
      const got = request.binary(1).slice(0, 20);
      return Reply.error(`ERR protocol version ${got} is not spoken here, want ${PROTOCOL_VERSION}`);
    }
    if (!ROLES.includes(role)) return Reply.error(`ERR role: got '${role.slice(0, 40)}', want master or aux`);
    session.peer = { role, id: request.utf8(3) };
    return Reply.simple(String(PROTOCOL_VERSION));
  },
} as const satisfies Command;
