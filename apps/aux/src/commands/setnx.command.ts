import { IF_ABSENT, KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply } from './errors.js';

export const setnx = {
  name: 'SETNX',
  arity: 3,
  access: 'write',
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  summary: 'Sets the value of a key that is absent',
  run({ request, node, slot }) {
    const { writer } = node;
    const framed = request.framed(2);
    const result = writer.set(writer.begin(), request.binary(1), framed, 0, KIND_STRING, slot, IF_ABSENT);
    if (result.refused === undefined) return Reply.integer(1);
    return result.refused === 'PRECONDITION' ? Reply.integer(0) : refusalReply(result);
  },
} as const satisfies Command;
