import { SlotSet } from '@dcs/protocol';
import { type Command, NO_KEYS } from './command.js';
import { inViewOf } from './peer-arguments.js';

export const dcsDigest = {
  name: 'DCS.DIGEST',
  arity: 3,
  access: 'peer',
  flags: ['readonly'],
  keys: NO_KEYS,
  epochAt: 1,
  summary: 'DCS.DIGEST <epoch> <slots>: digests of slots, and whether this node owns and has them whole',
  run: (session) =>
    inViewOf(session, 1, () => session.node.importSource.digest(SlotSet.fromBinary(session.request.binary(2)))),
} as const satisfies Command;
