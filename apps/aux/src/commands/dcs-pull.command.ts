import { SlotSet } from '@dcs/protocol';
import { type Command, NO_KEYS } from './command.js';
import { INVALID_CURSOR } from './errors.js';
import { inViewOf, integerArgument } from './peer-arguments.js';

export const dcsPull = {
  name: 'DCS.PULL',
  arity: 5,
  access: 'peer',
  flags: ['readonly'],
  keys: NO_KEYS,
  epochAt: 1,
  summary: 'DCS.PULL <epoch> <slots> <cursor> <maxBytes>: a page of the entries and tombstones of slots',
  run: (session) =>
    inViewOf(session, 1, () => {
      const { request, node } = session;
      const slots = SlotSet.fromBinary(request.binary(2));
      const maxBytes = integerArgument(request, 4, 'maxBytes', 1);
      return node.importSource.pull(slots, request.binary(3), maxBytes) ?? INVALID_CURSOR;
    }),
} as const satisfies Command;
