import { Reply } from '@dcs/resp';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply, SYNTAX_ERROR } from './errors.js';
import { isExpiryUnit, parseExpiry } from './expiry.js';

export const getex = {
  name: 'GETEX',
  arity: -2,
  access: 'write',
  flags: ['write', 'fast'],
  keys: ONE_KEY,
  summary: 'The value of a key, whose expiry is changed',
  run({ request, node, slot, protocol }) {
    const { writer, store } = node;
    const { argc } = request;
    let expiresAt: number | undefined;
    if (argc > 2) {
      const token = request.upper(2);
      if (token === 'PERSIST' && argc === 3) {
        expiresAt = 0;
      } else if (isExpiryUnit(token) && argc === 4) {
        const parsed = parseExpiry(request, 3, token, node.now(), 'GETEX');
        if (typeof parsed === 'string') return parsed;
        expiresAt = parsed;
      } else {
        return SYNTAX_ERROR;
      }
    }
    const key = request.binary(1);
    const entry = store.get(key);
    if (entry === undefined) return Reply.nil(protocol);
    if (expiresAt !== undefined && expiresAt !== entry.expiresAt) {
      const result = writer.touch(writer.begin(), key, slot, expiresAt);
      if (result.refused !== undefined) return refusalReply(result);
    }
    return entry.framed;
  },
} as const satisfies Command;
