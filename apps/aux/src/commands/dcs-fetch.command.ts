import { slotOfBinary } from '@dcs/consistent-hash';
import { type Command, NO_KEYS } from './command.js';
import { LOADING } from './errors.js';
import { inViewOf } from './peer-arguments.js';

export const dcsFetch = {
  name: 'DCS.FETCH',
  arity: 3,
  flags: ['readonly', 'fast', 'peer'],
  keys: NO_KEYS, // answered from what is here, whoever owns it now
  epochAt: 1,
  summary:
    'DCS.FETCH <epoch> <key>: what this node holds of a key, tombstones included, for a node that imports its slot',
  run: (session) =>
    inViewOf(session, 1, () => {
      const key = session.request.binary(2);
      return session.node.source.fetch(key, slotOfBinary(key)) ?? LOADING;
    }),
} as const satisfies Command;
