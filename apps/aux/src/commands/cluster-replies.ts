import { createHash } from 'node:crypto';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { toBinary } from '@dcs/protocol';
import { Reply, type RespVersion } from '@dcs/resp';
import type { Ownership } from '../node/ownership.js';

/*
 * The view in the words of Redis Cluster. Every node is shown as a master with the slots whose primary it is: here a
 * node is primary of some slots and replica of others, for which Redis Cluster has no word.
 */

interface Range {
  readonly id: string;
  readonly first: number;
  readonly last: number;
}

/** A node's name as Redis Cluster clients expect it: 40 hexadecimal digits. */
export function nodeName(id: string): string {
  return createHash('sha1').update(id).digest('hex');
}

const rangesByTable = new WeakMap<object, readonly Range[]>();

/** Runs of slots with one primary, ascending; computed once per table. */
function ranges({ table }: Ownership): readonly Range[] {
  const known = rangesByTable.get(table);
  if (known !== undefined) return known;
  const found: Range[] = [];
  let first = 0;
  for (let slot = 1; slot <= SLOT_COUNT; slot++) {
    const id = table.primaryOf(first);
    if (slot < SLOT_COUNT && table.primaryOf(slot) === id) continue;
    if (id !== undefined) found.push({ id, first, last: slot - 1 });
    first = slot;
  }
  rangesByTable.set(table, found);
  return found;
}

export function clusterSlots(ownership: Ownership): string {
  const { integer, arrayHeader, bulk, bulkUtf8 } = Reply;
  const nodes = new Map(
    ownership.up.map(({ id, host, dataPort }) => [
      id,
      arrayHeader(4) + bulkUtf8(host) + integer(dataPort) + bulk(nodeName(id)) + arrayHeader(0),
    ]),
  );
  const list = ranges(ownership);
  const rows = list.map(({ id, first, last }) => arrayHeader(3) + integer(first) + integer(last) + nodes.get(id)!);
  return arrayHeader(list.length) + rows.join('');
}

export function clusterShards(ownership: Ownership, protocol: RespVersion): string {
  const { integer, arrayHeader, bulk, bulkUtf8, mapHeader } = Reply;
  const shards = ownership.up.map(({ id, host, dataPort }) => {
    const own = ranges(ownership).filter((range) => range.id === id);
    return (
      mapHeader(2, protocol) +
      (bulk('slots') + arrayHeader(own.length * 2) + own.map((r) => integer(r.first) + integer(r.last)).join('')) +
      (bulk('nodes') + arrayHeader(1) + mapHeader(7, protocol)) +
      (bulk('id') + bulk(nodeName(id)) + bulk('port') + integer(dataPort)) +
      (bulk('ip') + bulkUtf8(host) + bulk('endpoint') + bulkUtf8(host)) +
      (bulk('role') + bulk('master') + bulk('replication-offset') + integer(0) + bulk('health') + bulk('online'))
    );
  });
  return arrayHeader(shards.length) + shards.join('');
}

/** One line per node: name, address, flags, master, ping, pong, epoch, link state, slots. */
export function clusterNodes(ownership: Ownership): string {
  const { epoch, selfId } = ownership;
  const lines = ownership.view.members.map(({ id, host, dataPort, state }) => {
    const flags = id === selfId ? 'myself,master' : 'master';
    const own = state === 'up' ? ranges(ownership).filter((range) => range.id === id) : [];
    const slots = own.map(({ first, last }) => (first === last ? ` ${first}` : ` ${first}-${last}`)).join('');
    return `${nodeName(id)} ${host}:${dataPort}@${dataPort} ${flags} - 0 0 ${epoch} connected${slots}\n`;
  });
  return toBinary(lines.join(''));
}

export function clusterInfo(ownership: Ownership): string {
  const { known, up, view, epoch } = ownership;
  const assigned = known ? SLOT_COUNT : 0;
  const fields = {
    cluster_enabled: 1,
    cluster_state: known && ownership.self !== undefined ? 'ok' : 'fail',
    cluster_slots_assigned: assigned,
    cluster_slots_ok: assigned,
    cluster_slots_pfail: 0,
    cluster_slots_fail: 0,
    cluster_known_nodes: view.members.length,
    cluster_size: up.length,
    cluster_current_epoch: epoch,
    cluster_my_epoch: epoch,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');
}
