import { NO_KEYS, type Command } from './command.js';

export const echo = {
  name: 'ECHO',
  arity: 2,
  access: 'read',
  flags: ['loading', 'stale', 'fast'],
  keys: NO_KEYS,
  summary: 'Answers its argument',
  run: ({ request }) => request.framed(1),
} as const satisfies Command;
