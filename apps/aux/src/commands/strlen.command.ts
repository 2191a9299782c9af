import { Reply } from '@dcs/resp';
import { lengthOf } from '../node/entry.js';
import { ONE_KEY, type Command } from './command.js';

export const strlen = {
  name: 'STRLEN',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'Bytes in the value of a key',
  run({ request, node }) {
    const entry = node.store.get(request.binary(1));
    return Reply.integer(entry === undefined ? 0 : lengthOf(entry.framed));
  },
} as const satisfies Command;
