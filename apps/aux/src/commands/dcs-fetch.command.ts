import { slotOfBinary } from '@dcs/consistent-hash';
import { parseVersion } from '@dcs/protocol';
import { type Command, NO_KEYS } from './command.js';
import { blockedReply } from './blocked.js';
import { inViewOf, keyArgument, tokenArgument } from './peer-arguments.js';

export const dcsFetch = {
  name: 'DCS.FETCH',
  arity: -3,
  access: 'peer',
  flags: ['readonly', 'fast'],
  keys: NO_KEYS, // answered from what is here, whoever owns it now
  epochAt: 1,
  summary:
    'DCS.FETCH <epoch> <key> [<stamp> <token>]: what this node holds of a key, tombstones included, and remembers of an ' +
    'operation on it, for a node that imports its slot',
  run: (session) =>
    inViewOf(session, 1, () => {
      const { request, node } = session;
      const key = keyArgument(request, 2);
      const operation =
        request.argc < 5 ? undefined : { stamp: parseVersion(request.binary(3)), token: tokenArgument(request, 4) };
      return node.importSource.fetch(key, slotOfBinary(key), operation) ?? blockedReply(node);
    }),
} as const satisfies Command;
