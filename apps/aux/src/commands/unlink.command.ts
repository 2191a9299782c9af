import { ALL_KEYS, type Command } from './command.js';
import { deleteKeys } from './delete-keys.js';

export const unlink = {
  name: 'UNLINK',
  arity: -2,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ALL_KEYS,
  summary: 'Deletes keys of one slot; answers how many there were',
  run: deleteKeys,
} as const satisfies Command;
