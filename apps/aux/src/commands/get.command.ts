import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';

export const get = {
  name: 'GET',
  arity: 2,
  access: 'read',
  flags: ['readonly', 'fast'],
  keys: ONE_KEY,
  summary: 'The value of a key',
  run({ request, node, protocol }) {
    const entry = node.store.get(request.binary(1));
    return entry === undefined ? Reply.nil(protocol) : entry.framed;
  },
} as const satisfies Command;
