import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';

export const type = {
  name: 'TYPE',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'string, or none when the key is absent',
  run({ request, node }) {
    return Reply.simple(node.store.peek(request.binary(1)) === undefined ? 'none' : 'string');
  },
} as const satisfies Command;
