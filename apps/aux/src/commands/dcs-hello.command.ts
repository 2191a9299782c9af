import { OLDEST_PROTOCOL_VERSION, type PeerRole } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { NO_AUTH } from './errors.js';
import type { Session } from './session.js';

/** Arguments of the hello of protocol version 1. */
const PLAIN_ARGUMENTS = 4;
const PLAIN_ROLES: readonly string[] = ['master', 'aux'] satisfies PeerRole[];

export const dcsHello = {
  name: 'DCS.HELLO',
  arity: -4,
  access: 'open',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'DCS.HELLO <lowest version> <highest version> <field> <value> ...: the other end is a part of the cache',
  run(session) {
    const { request, context } = session;
    if (request.argc === PLAIN_ARGUMENTS) return plainHello(session);

    const args = Array.from({ length: request.argc }, (_, i) => request.utf8(i));
    const { reply, peer, challenge } = context.peers.greet(args);
    if (challenge === undefined) session.becomePeer(peer);
    session.challenge = challenge;
    return reply;
  },
} as const satisfies Command;

/** `DCS.HELLO 1 <role> <id>` after `AUTH <secret>`. */
function plainHello(session: Session): string {
  const { request } = session;
  const { versions, required } = session.context.peers;
  const version = request.binary(1);
  const role = request.binary(2);
  if (version !== String(OLDEST_PROTOCOL_VERSION) || versions.min > OLDEST_PROTOCOL_VERSION) {
    const spoken = `want one of ${versions.min} to ${versions.max}`;
    return Reply.error(`ERR protocol version ${version.slice(0, 20)} is not spoken here, ${spoken}`);
  }
  if (required && !session.gaveSecret) return NO_AUTH;
  if (!PLAIN_ROLES.includes(role)) return Reply.error(`ERR role: got '${role.slice(0, 40)}', want master or aux`);
  session.becomePeer({ role: role as PeerRole, id: request.utf8(3), version: OLDEST_PROTOCOL_VERSION });
  return Reply.simple(version);
}
