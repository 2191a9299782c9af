import type { View } from '@dcs/cluster-membership';
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

/** `undefined` when it is none. The sender is one of our own: only what would do harm is checked. */
export function decodeOrigin(reply: unknown): Origin | undefined {
  if (typeof reply !== 'string') return undefined;
  try {
    const origin = JSON.parse(Buffer.from(reply, 'latin1').toString('utf8')) as Partial<WireOrigin>;
    const { identity } = origin;
    const { incarnation, intact, loaded, recovering } = origin;
    if (typeof incarnation !== 'number') return undefined;
    if (identity !== undefined && !isIdentity(identity)) return undefined;
    return {
      incarnation,
      identity: identity && fromWire(identity),
      intact: intact === true,
      loaded: loaded === true,
      recovering: recovering === true,
      historyId: origin.lineage,
    };
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

function isIdentity(identity: Partial<WireIdentity>): identity is WireIdentity {
  const { lineage, aliveAt, views } = identity;
  return typeof lineage === 'string' && typeof aliveAt === 'number' && Array.isArray(views) && views.every(isView);
}

function isView(view: Partial<View>): view is View {
  return typeof view.epoch === 'number' && Array.isArray(view.members);
}
