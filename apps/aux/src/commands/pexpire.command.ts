import { ONE_KEY, type Command } from './command.js';
import { runExpire } from './expiry.js';

export const pexpire = {
  name: 'PEXPIRE',
  arity: -3,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'Makes a key expire after so many milliseconds',
  run: (session) => runExpire(session, 'PEXPIRE', 'PX'),
} as const satisfies Command;
