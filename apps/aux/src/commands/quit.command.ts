import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

export const quit = {
  name: 'QUIT',
  arity: -1,
  access: 'open',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'Ends the connection',
  run(session) {
    session.closing = true;
    return Reply.OK;
  },
} as const satisfies Command;
