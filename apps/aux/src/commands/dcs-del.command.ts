import { Reply } from '@dcs/resp';
import { keyAt, type Command } from './command.js';
import { peerRefusalReply } from './errors.js';
import { parseCondition, parseOperation, repeatedOperation } from './peer-arguments.js';

export const dcsDel = {
  name: 'DCS.DEL',
  arity: 6,
  access: 'peer',
  flags: ['write', 'fast'],
  keys: keyAt(5),
  epochAt: 1,
  summary: 'DCS.DEL <epoch> <stamp> <attempt> <condition> <key>',
  // It tells what it found; only a repeated attempt may be done without looking.
  isBlind: (request, repeated = false) => repeated && request.binary(4) === '-',
  repeats: (request) => repeatedOperation(request),
  run: ({ request, node, slot }) => {
    const operation = parseOperation(request);
    const condition = parseCondition(request, 4);
    const result = node.writer.delete(operation, request.binary(5), slot, condition);
    return result.refused === undefined ? Reply.integer(result.value) : peerRefusalReply(result);
  },
} as const satisfies Command;
