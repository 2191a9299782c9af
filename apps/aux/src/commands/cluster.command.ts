import { SLOT_COUNT, slotOfBytes } from '@dcs/consistent-hash';
import { Reply } from '@dcs/resp';
import { clusterInfo, clusterNodes, clusterShards, clusterSlots, nodeName } from './cluster-replies.js';
import { NO_KEYS, type Command } from './command.js';
import { NOT_AN_INTEGER, unknownSubcommand, wrongArity } from './errors.js';
import type { Session } from './session.js';

const ARGC: Readonly<Record<string, number>> = {
  SLOTS: 2,
  SHARDS: 2,
  NODES: 2,
  INFO: 2,
  MYID: 2,
  KEYSLOT: 3,
  COUNTKEYSINSLOT: 3,
  GETKEYSINSLOT: 4,
};

export const cluster = {
  name: 'CLUSTER',
  arity: -2,
  access: 'read',
  flags: ['loading', 'stale'],
  keys: NO_KEYS,
  summary: 'SLOTS, SHARDS, NODES, KEYSLOT, INFO, MYID, COUNTKEYSINSLOT and GETKEYSINSLOT, as a Redis Cluster node',
  run(session) {
    const { request, node, protocol } = session;
    const subcommand = request.upper(1);
    const argc = ARGC[subcommand];
    if (argc === undefined) return unknownSubcommand('CLUSTER', request.binary(1));
    if (request.argc !== argc) return wrongArity(`cluster|${subcommand}`);
    switch (subcommand) {
      case 'SLOTS':
        return clusterSlots(node.ownership);
      case 'SHARDS':
        return clusterShards(node.ownership, protocol);
      case 'NODES':
        return Reply.verbatim(clusterNodes(node.ownership), protocol);
      case 'INFO':
        return Reply.verbatim(clusterInfo(node.ownership), protocol);
      case 'MYID':
        return Reply.bulk(nodeName(node.id));
      case 'KEYSLOT':
        return Reply.integer(slotOfBytes(request.source, request.start(2), request.end(2)));
      default:
        return inSlot(session, subcommand === 'GETKEYSINSLOT');
    }
  },
} as const satisfies Command;

function inSlot({ request, node }: Session, wantKeys: boolean): string {
  const slot = request.integer(2);
  if (slot === undefined) return NOT_AN_INTEGER;
  if (slot < 0 || slot >= SLOT_COUNT) return Reply.error('ERR Invalid slot');
  if (!wantKeys) return Reply.integer(node.store.slotCounts[slot]!);
  const limit = request.integer(3);
  if (limit === undefined || limit < 0) return Reply.error('ERR Invalid number of keys');
  const keys = node.store.keysInSlot(slot, limit);
  return Reply.arrayHeader(keys.length) + keys.map(Reply.bulk).join('');
}
