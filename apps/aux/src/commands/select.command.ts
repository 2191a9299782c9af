import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { NOT_AN_INTEGER } from './errors.js';

export const select = {
  name: 'SELECT',
  arity: 2,
  access: 'read',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'Chooses database 0, the only one',
  run({ request }) {
    const index = request.integer(1);
    if (index === undefined) return NOT_AN_INTEGER;
    return index === 0 ? Reply.OK : Reply.error('ERR SELECT is not allowed in cluster mode');
  },
} as const satisfies Command;
