import { ONE_KEY, type Command } from './command.js';
import { runIncrement } from './counter.js';
import { NOT_AN_INTEGER } from './errors.js';

export const incrby = {
  name: 'INCRBY',
  arity: 3,
  access: 'write',
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  summary: 'Adds to a number',
  run(session) {
    const by = session.request.integer(2);
    return by === undefined ? NOT_AN_INTEGER : runIncrement(session, by);
  },
} as const satisfies Command;
