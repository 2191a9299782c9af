import { encodeHeader } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { keyAt, type Command } from './command.js';

export const dcsHead = {
  name: 'DCS.HEAD',
  arity: 3,
  access: 'peer',
  flags: ['readonly', 'fast'],
  keys: keyAt(2),
  epochAt: 1,
  summary: 'DCS.HEAD <epoch> <key>: header',
  run({ request, node, protocol }) {
    const entry = node.store.peek(request.binary(2));
    if (entry === undefined) return Reply.nil(protocol);
    return Reply.bulk(encodeHeader(entry, entry.expiresAt, entry.kind));
  },
} as const satisfies Command;
