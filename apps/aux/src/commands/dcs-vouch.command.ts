import { slotOfBinary } from '@dcs/consistent-hash';
import { Reply } from '@dcs/resp';
import { type Command, NO_KEYS } from './command.js';
import { blockedReply } from './blocked.js';
import { integerArgument, inViewOf, keyArgument } from './peer-arguments.js';

const BEGAN_ANEW = Reply.error('STALE this node has begun anew since');

export const dcsVouch = {
  name: 'DCS.VOUCH',
  arity: 4,
  access: 'peer',
  flags: ['readonly', 'fast'],
  keys: NO_KEYS,
  epochAt: 1,
  summary:
    'DCS.VOUCH <epoch> <key> <since>: what this node holds of a key that it had another take in the view <since>',
  run: (session) =>
    inViewOf(session, 1, () => {
      const { request, node } = session;
      if (integerArgument(request, 3, 'since', 0) < node.replication.beganAt) return BEGAN_ANEW;
      const key = keyArgument(request, 2);
      return node.importSource.fetch(key, slotOfBinary(key), undefined) ?? blockedReply(node);
    }),
} as const satisfies Command;
