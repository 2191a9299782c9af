import { SlotSet } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { type Command, NO_KEYS } from './command.js';

export const dcsSync = {
  name: 'DCS.SYNC',
  arity: 4,
  access: 'peer',
  flags: ['write'],
  keys: NO_KEYS,
  epochAt: 1,
  summary: 'DCS.SYNC <epoch> <id> <slots>: compare these slots with node <id>, and take what is missing',
  run: ({ request, node }) => {
    node.replication.compareWith(request.utf8(2), SlotSet.fromBinary(request.binary(3)));
    return Reply.OK;
  },
} as const satisfies Command;
