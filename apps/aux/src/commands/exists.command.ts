import { Reply } from '@dcs/resp';
import { ALL_KEYS, type Command } from './command.js';

export const exists = {
  name: 'EXISTS',
  arity: -2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ALL_KEYS,
  summary: 'How many of the keys, all of one slot, are there',
  run({ request, node }) {
    let found = 0;
    for (let i = 1; i < request.argc; i++) if (node.store.peek(request.binary(i)) !== undefined) found++;
    return Reply.integer(found);
  },
} as const satisfies Command;
