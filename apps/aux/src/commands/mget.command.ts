import { Reply } from '@dcs/resp';
import { ALL_KEYS, type Command } from './command.js';

export const mget = {
  name: 'MGET',
  arity: -2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ALL_KEYS,
  summary: 'The values of keys of one slot',
  run({ request, node, protocol, context }) {
    let reply = Reply.arrayHeader(request.argc - 1);
    for (let i = 1; i < request.argc; i++) {
      const entry = node.store.get(request.binary(i));
      reply += entry === undefined ? Reply.nil(protocol) : entry.framed;
      if (reply.length > context.maxReplyBytes) {
        return Reply.error(`ERR reply of more than ${context.maxReplyBytes} bytes: ask for fewer keys`);
      }
    }
    return reply;
  },
} as const satisfies Command;
