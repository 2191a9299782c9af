import { ONE_KEY, type Command } from './command.js';
import { runExpire } from './expiry.js';

export const pexpireat = {
  name: 'PEXPIREAT',
  arity: -3,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'Makes a key expire at a time in milliseconds',
  run: (session) => runExpire(session, 'PEXPIREAT', 'PXAT'),
} as const satisfies Command;
