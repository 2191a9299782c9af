import { decodeRememberedReply } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { type Command, NO_KEYS } from './command.js';
import { argumentsOf } from './detached-request.js';
import { answering } from './peer-arguments.js';

export const dcsRemember = {
  name: 'DCS.REMEMBER',
  arity: -2,
  flags: ['write', 'peer'],
  keys: NO_KEYS,
  epochAt: 1,
  summary: 'DCS.REMEMBER <epoch> (<record> <key> <token>)...: operations that the sender remembers of slots',
  run: ({ request, node }) =>
    answering(() => {
      const { operations } = decodeRememberedReply(argumentsOf(request).slice(1));
      for (const operation of operations) node.writer.memory.take(operation);
      return Reply.OK;
    }),
} as const satisfies Command;
