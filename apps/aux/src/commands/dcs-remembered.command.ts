import { SlotSet } from '@dcs/protocol';
import { type Command, NO_KEYS } from './command.js';
import { INVALID_CURSOR } from './errors.js';
import { inViewOf, integerArgument } from './peer-arguments.js';

export const dcsRemembered = {
  name: 'DCS.REMEMBERED',
  arity: 5,
  access: 'peer',
  flags: ['readonly'],
  keys: NO_KEYS,
  epochAt: 1,
  summary:
    'DCS.REMEMBERED <epoch> <slots> <cursor> <maxBytes>: a page of what is remembered of the operations on slots',
  run: (session) =>
    inViewOf(session, 1, () => {
      const { request, node } = session;
      const slots = SlotSet.fromBinary(request.binary(2));
      const maxBytes = integerArgument(request, 4, 'maxBytes', 1);
      return node.importSource.remembered(slots, request.binary(3), maxBytes) ?? INVALID_CURSOR;
    }),
} as const satisfies Command;
