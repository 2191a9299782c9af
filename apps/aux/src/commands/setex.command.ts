import { ONE_KEY, type Command } from './command.js';
import { runSetWithExpiry } from './expiry.js';

export const setex = {
  name: 'SETEX',
  arity: 4,
  access: 'write',
  flags: ['write', 'denyoom'],
  keys: ONE_KEY,
  summary: 'Sets the value of a key that expires after so many seconds',
  run: (session) => runSetWithExpiry(session, 'SETEX', 'EX'),
} as const satisfies Command;
