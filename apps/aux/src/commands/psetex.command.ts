import { ONE_KEY, type Command } from './command.js';
import { runSetWithExpiry } from './expiry.js';

export const psetex = {
  name: 'PSETEX',
  arity: 4,
  access: 'write',
  flags: ['write', 'denyoom'],
  keys: ONE_KEY,
  summary: 'Sets the value of a key that expires after so many milliseconds',
  run: (session) => runSetWithExpiry(session, 'PSETEX', 'PX'),
} as const satisfies Command;
