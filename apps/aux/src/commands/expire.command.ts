import { ONE_KEY, type Command } from './command.js';
import { runExpire } from './expiry.js';

export const expire = {
  name: 'EXPIRE',
  arity: -3,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'Makes a key expire after so many seconds',
  run: (session) => runExpire(session, 'EXPIRE', 'EX'),
} as const satisfies Command;
