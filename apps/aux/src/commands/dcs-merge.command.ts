import { decodeHeader, type OperationRecord, parseVersion } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { entryOf } from '../node/entry.js';
import type { Replication } from '../replication/replication.js';
import { type Command, NO_KEYS } from './command.js';
import { diskRefusal, UNDURABLE } from './errors.js';
import { type Later, LaterReply } from './later-reply.js';
import { integerArgument, keyArgument, tokenArgument } from './peer-arguments.js';
import type { Request } from './session.js';

const NO_ENTRY = Reply.error('INVALID no entry may be like this one');
const FULL = Reply.error('OOM this node has no room for the copy');

export const dcsMerge = {
  name: 'DCS.MERGE',
  arity: 8,
  access: 'peer',
  flags: ['write', 'denyoom', 'fast'],
  keys: NO_KEYS, // taken whoever owns the key: the sender may stand in for an owner
  summary: 'DCS.MERGE <epoch> <key> <header> <value> <stamp or -> <result> <token>: a copy from another node',
  run: ({ request, node, peer }) => {
    const epoch = integerArgument(request, 1, 'epoch', 0);
    const key = keyArgument(request, 2);
    const { version, expiresAt, kind } = decodeHeader(request.binary(3));
    const entry = entryOf(key, request.binary(4), version, expiresAt, kind);
    const receipt = node.replication.take(epoch, key, entry, operationOf(request), peer!.id);
    // Taken all the same, so that this node shows nothing older than what the sender is going to acknowledge.
    const refusal = node.replication.writeRefusal;
    if (refusal !== undefined) return diskRefusal(refusal);
    if (receipt === 'invalid') return NO_ENTRY;
    if (receipt === 'taken') return taken(node.replication);
    return receipt === 'full' ? FULL : Reply.error(`STALEVIEW ${receipt.staleView}`);
  },
} as const satisfies Command;

/** The sender counts on a copy only when it is as safe as this node makes its own writes. */
function taken(replication: Replication): string | Later {
  const later = new LaterReply();
  replication.whenDurable((error) => later.settle(error === undefined ? Reply.OK : UNDURABLE));
  return later.text ?? later;
}

function operationOf(request: Request): OperationRecord | undefined {
  const stamp = request.binary(5);
  if (stamp === '-') return undefined;
  return { stamp: parseVersion(stamp), value: integerArgument(request, 6, 'result'), token: tokenArgument(request, 7) };
}
