import { ONE_KEY, type Command } from './command.js';
import { runTimeToLive } from './expiry.js';

export const pexpiretime = {
  name: 'PEXPIRETIME',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'When a key expires, in milliseconds since 1970',
  run: (session) => runTimeToLive(session, (expiresAt) => expiresAt),
} as const satisfies Command;
