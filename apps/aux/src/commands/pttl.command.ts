import { ONE_KEY, type Command } from './command.js';
import { runTimeToLive } from './expiry.js';

export const pttl = {
  name: 'PTTL',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'Milliseconds that a key has to live',
  run: (session) => runTimeToLive(session, (expiresAt, now) => expiresAt - now),
} as const satisfies Command;
