import { SLOT_COUNT, SlotTable } from '@dcs/consistent-hash';
import { decodeDigestReply, DIGEST_BYTES, encodeDigest, PeerAuth, SlotSet } from '@dcs/protocol';
import { RespClient } from '@dcs/resp';
import { CLUSTER_SECRET } from '../cluster.js';
import { call } from '../http.js';

export interface FaultView {
  readonly epoch: number;
  readonly replicas: number;
  readonly nodes: readonly FaultNode[];
}

export interface FaultNode {
  readonly id: string;
  readonly address: string;
  readonly state: string;
  readonly incarnation: number;
  readonly weight: number;
  readonly zone: string;
  readonly reachable: boolean;
  readonly stats?: {
    readonly epoch: number;
    readonly entries: number;
    readonly handoff: { readonly slotsToGo: number };
  };
}

const TIMEOUT_MS = 5_000;

/** What `GET /cluster` says. */
export async function viewOf(url: string): Promise<FaultView> {
  const answer = await call(url, '/cluster', { timeoutMs: TIMEOUT_MS });
  if (answer.status !== 200) throw new Error(`GET /cluster: ${answer.status} ${answer.text}`);
  return answer.json<FaultView>();
}

export function upNodes({ nodes }: FaultView): FaultNode[] {
  return nodes.filter(({ state }) => state === 'up');
}

export function tableOf(view: FaultView): SlotTable {
  const members = upNodes(view).map(({ id, weight, zone }) => ({ id, weight, zone }));
  return SlotTable.build(members, { replicas: view.replicas });
}

/** Every node in the view answers, has the view, and has nothing left to import. */
export function isSettled(view: FaultView): boolean {
  return upNodes(view).every(
    ({ reachable, stats }) => reachable && stats?.epoch === view.epoch && stats.handoff.slotsToGo === 0,
  );
}

/** Slots whose owners do not hold the same entries and tombstones in the same versions, or have not settled. */
export async function divergentSlots(url: string): Promise<number[]> {
  const view = await viewOf(url);
  const table = tableOf(view);
  const digests = new Map<string, (string | undefined)[]>();
  await Promise.all(upNodes(view).map(async (node) => digests.set(node.id, await digestsOf(node, table, view.epoch))));
  const divergent: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const found = table.ownersOf(slot).map((id) => digests.get(id)?.[slot]);
    if (found.some((digest) => digest === undefined || digest !== found[0])) divergent.push(slot);
  }
  return divergent;
}

/** By slot; undefined where the node does not own the slot or has not settled it. */
async function digestsOf(node: FaultNode, table: SlotTable, epoch: number): Promise<(string | undefined)[]> {
  const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => table.isOwner(node.id, slot));
  const colon = node.address.lastIndexOf(':');
  const client = new RespClient(
    { host: node.address.slice(0, colon), port: Number(node.address.slice(colon + 1)) },
    { bulk: 'binary', handshake: PeerAuth.ofTool('fault-checks', [CLUSTER_SECRET]).handshake() },
  );
  try {
    await client.connect();
    const reply = await new Promise<unknown>((resolve, reject) => {
      const settle = (error: Error | null, value: unknown): void => (error === null ? resolve(value) : reject(error));
      client.send(encodeDigest(epoch, SlotSet.of(slots)), settle, TIMEOUT_MS);
    });
    const { digests, standings } = decodeDigestReply(reply, slots.length);
    const bySlot = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
    slots.forEach((slot, i) => {
      if (standings[i] === '1') bySlot[slot] = digests.slice(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
    });
    return bySlot;
  } finally {
    await client.close({ drainMs: 0 });
  }
}
