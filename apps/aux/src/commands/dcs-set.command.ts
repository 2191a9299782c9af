import { formatVersion } from '@dcs/protocol';
import { keyAt, type Command } from './command.js';
import { peerRefusalReply } from './errors.js';
import { integerArgument, parseCondition, parseOperation, repeatedOperation } from './peer-arguments.js';
import { isStorableKind, INVALID_KIND } from './stored-kind.js';

export const dcsSet = {
  name: 'DCS.SET',
  arity: 9,
  access: 'peer',
  flags: ['write', 'denyoom', 'fast'],
  keys: keyAt(7),
  epochAt: 1,
  summary: 'DCS.SET <epoch> <stamp> <attempt> <condition> <expiresAt> <kind> <key> <value>',
  isBlind: (request, repeated = false) => (repeated || request.binary(3) === '1') && request.binary(4) === '-',
  repeats: (request) => repeatedOperation(request),
  run: ({ request, node, slot }) => {
    const operation = parseOperation(request);
    const condition = parseCondition(request, 4);
    const expiresAt = integerArgument(request, 5, 'expiresAt', 0);
    const kind = request.binary(6);
    if (!isStorableKind(kind)) return INVALID_KIND;
    const key = request.binary(7);
    const result = node.writer.set(operation, key, request.framed(8), expiresAt, kind, slot, condition);
    if (result.refused !== undefined) return peerRefusalReply(result);
    return `+${result.value} ${formatVersion(result.version)}\r\n`;
  },
} as const satisfies Command;
