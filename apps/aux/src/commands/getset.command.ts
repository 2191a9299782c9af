import { ALWAYS, KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply } from './errors.js';

export const getset = {
  name: 'GETSET',
  arity: 3,
  access: 'write',
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  summary: 'Sets the value of a key and answers the one before',
  run({ request, node, slot, protocol }) {
    const { writer, store } = node;
    const key = request.binary(1);
    const before = store.get(key);
    const result = writer.set(writer.begin(), key, request.framed(2), 0, KIND_STRING, slot, ALWAYS);
    if (result.refused !== undefined) return refusalReply(result);
    return before === undefined ? Reply.nil(protocol) : before.framed;
  },
} as const satisfies Command;
