import { Reply } from '@dcs/resp';
import { type Command, NO_KEYS } from './command.js';
import { BEHIND } from './errors.js';
import { integerArgument } from './peer-arguments.js';

export const dcsLease = {
  name: 'DCS.LEASE',
  arity: 3,
  access: 'peer',
  flags: ['readonly', 'fast'],
  keys: NO_KEYS,
  epochAt: 1,
  summary: 'DCS.LEASE <epoch> <id>: whether replica <id> may answer reads in place of this primary for a moment',
  run: ({ request, node }) => {
    const { epoch } = node.ownership;
    if (integerArgument(request, 1, 'epoch', 0) !== epoch) return Reply.error(`STALEVIEW ${epoch}`);
    if (node.waking !== undefined || node.isFenced || !node.replication.readGrants.give(request.utf8(2))) return BEHIND;
    return Reply.OK;
  },
} as const satisfies Command;
