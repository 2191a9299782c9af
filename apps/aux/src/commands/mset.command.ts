import { ALWAYS, KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { KEY_VALUE_PAIRS, type Command } from './command.js';
import { refusalReply, wrongArity } from './errors.js';

export const mset = {
  name: 'MSET',
  arity: -3,
  access: 'write',
  flags: ['write', 'denyoom'],
  keys: KEY_VALUE_PAIRS,
  summary: 'Sets the values of keys of one slot',
  run({ request, node, slot }) {
    const { argc } = request;
    if (argc % 2 === 0) return wrongArity('MSET');
    const { writer } = node;
    for (let i = 2; i < argc; i += 2) {
      if (request.length(i) > node.maxValueBytes) {
        return Reply.error(`OOM value of more than ${node.maxValueBytes} bytes`); // all or none
      }
    }
    for (let i = 1; i < argc; i += 2) {
      const framed = request.framed(i + 1);
      const result = writer.set(writer.begin(), request.binary(i), framed, 0, KIND_STRING, slot, ALWAYS);
      if (result.refused !== undefined) return refusalReply(result);
    }
    return Reply.OK;
  },
} as const satisfies Command;
