import { Reply } from '@dcs/resp';
import { NO_KEYS, type Command } from './command.js';

const NO_DIRECTORY = Reply.error('NOBACKUP this node has no backup directory');

export const dcsBackup = {
  name: 'DCS.BACKUP',
  arity: 1,
  access: 'peer',
  flags: ['admin', 'stale', 'loading'],
  keys: NO_KEYS,
  summary: 'Begins a backup of what this node is primary of, now or after the one under way',
  run({ context }) {
    if (context.backup === undefined) return NO_DIRECTORY;
    void context.backup.request();
    return Reply.OK;
  },
} as const satisfies Command;
