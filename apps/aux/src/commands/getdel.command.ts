import { ALWAYS } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply } from './errors.js';

export const getdel = {
  name: 'GETDEL',
  arity: 2,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'The value of a key, which is deleted',
  run({ request, node, slot, protocol }) {
    const { writer, store } = node;
    const key = request.binary(1);
    const entry = store.get(key);
    if (entry === undefined) return Reply.nil(protocol);
    const result = writer.delete(writer.begin(), key, slot, ALWAYS);
    return result.refused === undefined ? entry.framed : refusalReply(result);
  },
} as const satisfies Command;
