import { ONE_KEY, type Command } from './command.js';
import { runTimeToLive } from './expiry.js';

export const ttl = {
  name: 'TTL',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'Seconds that a key has to live',
  run: (session) => runTimeToLive(session, (expiresAt, now) => Math.round((expiresAt - now) / 1000)),
} as const satisfies Command;
