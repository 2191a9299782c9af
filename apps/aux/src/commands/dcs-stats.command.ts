import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

export const dcsStats = {
  name: 'DCS.STATS',
  arity: 1,
  access: 'peer',
  flags: ['readonly', 'stale', 'loading'],
  keys: NO_KEYS,
  summary: 'The state of this node as JSON',
  run: ({ node, context }) => Reply.bulkUtf8(JSON.stringify({ ...node.stats(), backup: context.backup?.stats() })),
} as const satisfies Command;
