import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

export const dcsDrain = {
  name: 'DCS.DRAIN',
  arity: 1,
  access: 'peer',
  flags: ['admin', 'stale', 'loading'],
  keys: NO_KEYS,
  summary: 'Begins to leave the cluster, as on SIGTERM',
  run({ context }) {
    context.drain();
    return Reply.OK;
  },
} as const satisfies Command;
