import { ONE_KEY, type Command } from './command.js';
import { runIncrement } from './counter.js';

export const decr = {
  name: 'DECR',
  arity: 2,
  access: 'write',
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  summary: 'Takes one from a number',
  run: (session) => runIncrement(session, -1),
} as const satisfies Command;
