import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

export const dbsize = {
  name: 'DBSIZE',
  arity: 1,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: NO_KEYS,
  summary: 'Entries on this node',
  run: ({ node }) => Reply.integer(node.store.size),
} as const satisfies Command;
