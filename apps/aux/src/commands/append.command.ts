import { ALWAYS, KIND_STRING } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { frame, valueOf } from '../node/entry.js';
import { ONE_KEY, type Command } from './command.js';
import { refusalReply } from './errors.js';
import { changedKind } from './stored-kind.js';

export const append = {
  name: 'APPEND',
  arity: 3,
  access: 'write',
  flags: ['write', 'denyoom', 'fast'],
  keys: ONE_KEY,
  summary: 'Appends to the value of a key; answers its length',
  run({ request, node, slot }) {
    const { writer, store } = node;
    const key = request.binary(1);
    const before = store.peek(key);
    const value = (before === undefined ? '' : valueOf(before)) + request.binary(2);
    const kind = changedKind(before?.kind ?? KIND_STRING, request.length(2) > 0);
    const result = writer.set(writer.begin(), key, frame(value), before?.expiresAt ?? 0, kind, slot, ALWAYS);
    return result.refused === undefined ? Reply.integer(value.length) : refusalReply(result);
  },
} as const satisfies Command;
