import { encodeHeader } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { keyAt, type Command } from './command.js';

const PAIR = Reply.arrayHeader(2);

export const dcsGet = {
  name: 'DCS.GET',
  arity: 3,
  access: 'peer',
  flags: ['readonly', 'fast'],
  keys: keyAt(2),
  epochAt: 1,
  summary: 'DCS.GET <epoch> <key>: header and value',
  run({ request, node, protocol }) {
    const entry = node.store.get(request.binary(2));
    if (entry === undefined) return Reply.nil(protocol);
    return PAIR + Reply.bulk(encodeHeader(entry, entry.expiresAt, entry.kind)) + entry.framed;
  },
} as const satisfies Command;
