import { checkedMember, type Member, type View } from '@dcs/cluster-membership';
import { fromBinary, ProtocolError } from '@dcs/protocol';
import { encodeCommandBinary } from '@dcs/resp';
import type { DiskIdentity } from '../../node/ports.js';

/** What a node says of where its data comes from, to nodes that have to find out who has what. */
export interface Origin {
  /** Of the process that says it. */
  readonly incarnation: number;
  /** Of its disk, as it was found at the start; undefined for one that came with nothing. */
  readonly identity: DiskIdentity | undefined;
  /** No entry was found damaged. */
  readonly intact: boolean;
  /** All of its disk is in its memory. */
  readonly loaded: boolean;
  /** Slots still wait here for nodes, or a backup. */
  readonly recovering: boolean;
  /** The history that its data belongs to now; undefined until that is decided. */
  readonly historyId: string | undefined;
}

/** On the wire, and on disks, a history id is called `lineage`. */
interface WireOrigin extends Omit<Origin, 'historyId' | 'identity'> {
  readonly lineage: string | undefined;
  readonly identity: WireIdentity | undefined;
}

type WireIdentity = Omit<DiskIdentity, 'historyId'> & { readonly lineage: string };

/** `DCS.ORIGIN` -> an {@link Origin} as JSON */
export const ORIGIN_COMMAND = encodeCommandBinary(['DCS.ORIGIN']);

export function encodeOrigin(origin: Origin): string {
  const { historyId: lineage, identity, ...rest } = origin;
  const wire: WireOrigin = { ...rest, lineage, identity: identity && toWire(identity) };
  return JSON.stringify(wire);
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeOrigin(reply: unknown): Origin {
  const origin = objectOf(reply);
  const { incarnation, identity, intact, loaded, recovering, lineage } = origin ?? {};
  if (
    typeof incarnation !== 'number' ||
    !(identity === undefined || isIdentity(identity)) ||
    !(lineage === undefined || typeof lineage === 'string')
  ) {
    throw new ProtocolError('ERR_PROTOCOL_REPLY', 'unexpected reply to DCS.ORIGIN');
  }
  return {
    incarnation,
    identity: identity && fromWire(identity),
    intact: intact === true,
    loaded: loaded === true,
    recovering: recovering === true,
    historyId: lineage,
  };
}

function objectOf(reply: unknown): Partial<WireOrigin> | undefined {
  try {
    const value: unknown = JSON.parse(fromBinary(typeof reply === 'string' ? reply : ''));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function toWire({ historyId: lineage, aliveAt, views }: DiskIdentity): WireIdentity {
  return { lineage, aliveAt, views };
}

function fromWire({ lineage: historyId, aliveAt, views }: WireIdentity): DiskIdentity {
  return { historyId, aliveAt, views };
}

function isIdentity(identity: Partial<WireIdentity> | null): identity is WireIdentity {
  const { lineage, aliveAt, views } = identity ?? {};
  return (
    typeof lineage === 'string' &&
    typeof aliveAt === 'number' &&
    Number.isFinite(aliveAt) &&
    Array.isArray(views) &&
    views.every(isView)
  );
}

/** A slot table is made of its members. */
function isView(view: Partial<View> | null): view is View {
  const { epoch, members } = view ?? {};
  if (!Number.isSafeInteger(epoch) || !Array.isArray(members)) return false;
  try {
    members.forEach((member: Member) => checkedMember(member));
    return true;
  } catch {
    return false;
  }
}
