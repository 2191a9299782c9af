import { encodeProbeReply } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { type Command, NO_KEYS } from './command.js';
import { integerArgument } from './peer-arguments.js';

export const dcsProbe = {
  name: 'DCS.PROBE',
  arity: 3,
  access: 'peer',
  flags: ['readonly', 'fast', 'stale', 'loading'],
  keys: NO_KEYS,
  summary: 'DCS.PROBE <id> <incarnation>: a sign of life for member <id>, and whether this node serves, and accuses it',
  run: ({ request, node }) => {
    const incarnation = integerArgument(request, 2, 'incarnation', 0);
    return Reply.simple(encodeProbeReply(node.probe(request.utf8(1), incarnation)));
  },
} as const satisfies Command;
