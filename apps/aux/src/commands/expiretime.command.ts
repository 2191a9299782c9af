import { ONE_KEY, type Command } from './command.js';
import { runTimeToLive } from './expiry.js';

export const expiretime = {
  name: 'EXPIRETIME',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'When a key expires, in seconds since 1970',
  run: (session) => runTimeToLive(session, (expiresAt) => Math.round(expiresAt / 1000)),
} as const satisfies Command;
