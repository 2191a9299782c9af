import { formatVersion, KIND_JSON } from '@dcs/protocol';
import { keyAt, type Command } from './command.js';
import { peerRefusalReply } from './errors.js';
import { integerArgument, parseOperation, repeatedOperation, tokenArgument } from './peer-arguments.js';

export const dcsIncr = {
  name: 'DCS.INCR',
  arity: 9,
  access: 'peer',
  flags: ['write', 'denyoom', 'fast'],
  keys: keyAt(8),
  epochAt: 1,
  summary: 'DCS.INCR <epoch> <stamp> <attempt> <by> <initial> <expiresAt> <token> <key>',
  repeats: (request) => repeatedOperation(request, request.binary(7)),
  run: ({ request, node, slot }) => {
    const operation = parseOperation(request);
    const result = node.writer.increment(operation, request.binary(8), slot, {
      by: integerArgument(request, 4, 'by'),
      initial: integerArgument(request, 5, 'initial'),
      expiresAt: integerArgument(request, 6, 'expiresAt', 0),
      token: tokenArgument(request, 7),
      kind: KIND_JSON, // so that it reads as a number over HTTP
    });
    if (result.refused !== undefined) return peerRefusalReply(result);
    return `+${result.value} ${formatVersion(result.version)}\r\n`;
  },
} as const satisfies Command;
