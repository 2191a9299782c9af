import { slotOfBinary } from '@dcs/consistent-hash';
import { type Command, NO_KEYS } from './command.js';

export const dcsFetch = {
  name: 'DCS.FETCH',
  arity: 3,
  flags: ['readonly', 'fast', 'peer'],
  keys: NO_KEYS, // answered from what is here, whoever owns it now
  epochAt: 1,
  summary:
    'DCS.FETCH <epoch> <key>: what this node holds of a key, tombstones included, for a node that imports its slot',
  run({ request, node }) {
    const key = request.binary(2);
    return node.source.fetch(key, slotOfBinary(key));
  },
} as const satisfies Command;
