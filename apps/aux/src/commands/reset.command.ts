import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

export const reset = {
  name: 'RESET',
  arity: 1,
  access: 'open',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'Brings the connection back to its first state',
  run(session) {
    session.reset();
    return Reply.simple('RESET');
  },
} as const satisfies Command;
