import { ONE_KEY, type Command } from './command.js';
import { runExpire } from './expiry.js';

export const expireat = {
  name: 'EXPIREAT',
  arity: -3,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'Makes a key expire at a time in seconds',
  run: (session) => runExpire(session, 'EXPIREAT', 'EXAT'),
} as const satisfies Command;
