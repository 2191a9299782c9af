import { Reply } from '@dcs/resp';
import { encodeOrigin } from '../replication/recovery/origin.js';
import { NO_KEYS, type Command } from './command.js';

export const dcsOrigin = {
  name: 'DCS.ORIGIN',
  arity: 1,
  access: 'peer',
  flags: ['readonly', 'stale', 'loading'],
  keys: NO_KEYS,
  summary: 'Where the data of this node comes from, as JSON: its disk, its lineage, whether it is whole',
  run: ({ node }) => Reply.bulkUtf8(encodeOrigin(node.replication.recovery.origin())),
} as const satisfies Command;
