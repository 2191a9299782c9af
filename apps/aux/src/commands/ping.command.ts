import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';
import { wrongArity } from './errors.js';

const PONG = Reply.simple('PONG');

export const ping = {
  name: 'PING',
  arity: -1,
  access: 'read',
  flags: ['fast'],
  keys: NO_KEYS,
  summary: 'Answers PONG, or the argument',
  run({ request }) {
    if (request.argc > 2) return wrongArity('PING');
    return request.argc === 1 ? PONG : request.framed(1);
  },
} as const satisfies Command;
