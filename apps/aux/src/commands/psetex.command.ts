import { ALWAYS, KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply } from './errors.js';
import { parseExpiry } from './expiry.js';

export const psetex = {
  name: 'PSETEX',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: ONE_KEY,
  summary: 'Sets the value of a key that expires after so many milliseconds',
  run({ request, node, slot }) {
    const expiresAt = parseExpiry(request, 2, 'PX', node.now(), 'PSETEX');
    if (typeof expiresAt === 'string') return expiresAt;
    const { writer } = node;
    const result = writer.set(
      writer.begin(),
      request.binary(1),
      request.framed(3),
      expiresAt,
      KIND_STRING,
      slot,
      ALWAYS,
    );
    return result.refused === undefined ? Reply.OK : refusalReply(result);
  },
} as const satisfies Command;
