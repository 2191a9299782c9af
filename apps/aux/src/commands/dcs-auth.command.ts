import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

const NOT_PROVEN = Reply.error('WRONGPASS the cluster secret was not proven, or not in time');

export const dcsAuth = {
  name: 'DCS.AUTH',
  arity: 2,
  access: 'open',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'DCS.AUTH <proof>: after DCS.HELLO, proves that the other end knows the cluster secret',
  run(session) {
    const { request, context, challenge } = session;
    session.challenge = undefined; // one attempt
    if (challenge === undefined || !context.peers.isProven(challenge, request.binary(1))) {
      session.closing = true;
      return NOT_PROVEN;
    }
    session.becomePeer(challenge.peer);
    return Reply.OK;
  },
} as const satisfies Command;
