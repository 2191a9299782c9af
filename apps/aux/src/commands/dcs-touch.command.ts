import { formatVersion } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { keyAt, type Command } from './command.js';
import { peerRefusalReply } from './errors.js';
import { integerArgument, parseOperation, repeatedOperation } from './peer-arguments.js';

export const dcsTouch = {
  name: 'DCS.TOUCH',
  arity: 6,
  access: 'peer',
  flags: ['write', 'fast'],
  keys: keyAt(5),
  epochAt: 1,
  summary: 'DCS.TOUCH <epoch> <stamp> <attempt> <expiresAt> <key>',
  repeats: (request) => repeatedOperation(request),
  run: ({ request, node, slot, protocol }) => {
    const operation = parseOperation(request);
    const expiresAt = integerArgument(request, 4, 'expiresAt', 0);
    const result = node.writer.touch(operation, request.binary(5), slot, expiresAt);
    if (result.refused !== undefined) return peerRefusalReply(result);
    return result.value === 0 ? Reply.nil(protocol) : `+${formatVersion(result.version)}\r\n`;
  },
} as const satisfies Command;
