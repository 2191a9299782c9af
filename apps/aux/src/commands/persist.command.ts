import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply } from './errors.js';

export const persist = {
  name: 'PERSIST',
  arity: 2,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'Takes the expiry off a key',
  run({ request, node, slot }) {
    const { writer, store } = node;
    const key = request.binary(1);
    if (!store.peek(key)?.expiresAt) return Reply.integer(0);
    const result = writer.touch(writer.begin(), key, slot, 0);
    return result.refused === undefined ? Reply.integer(1) : refusalReply(result);
  },
} as const satisfies Command;
