import { encodeCommandBinary } from '@dcs/resp';
import { unexpected } from './replies.js';

/*
 * What processes of a cluster ask of a node about the cluster itself, beside the registry.
 */

/** A node's sign of life. */
export interface ProbeReply {
  readonly id: string;
  readonly incarnation: number;
  readonly state: 'serving' | 'fenced' | 'accusing';
  /** Of its view. */
  readonly epoch: number;
}

const PROBE_REPLY = /^(\d{1,16}) (serving|fenced|accusing) (\d{1,16}) (.+)$/s;

/** `DCS.PROBE id incarnation` (of the one who asks) -> `<incarnation> <state> <epoch> <id>`. */
export function encodeProbe(id: string, incarnation: number): string {
  return encodeCommandBinary(['DCS.PROBE', id, incarnation]);
}

export function encodeProbeReply({ id, incarnation, state, epoch }: ProbeReply): string {
  return `${incarnation} ${state} ${epoch} ${id}`;
}

/** @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeProbeReply(reply: unknown): ProbeReply {
  const match = typeof reply === 'string' ? PROBE_REPLY.exec(reply) : null;
  if (match === null) throw unexpected('DCS.PROBE', reply);
  const [, incarnation, state, epoch, id] = match;
  return { id: id!, incarnation: Number(incarnation), state: state as ProbeReply['state'], epoch: Number(epoch) };
}

/** A view as it travels; whoever takes it checks the members. */
export interface ViewReply {
  readonly epoch: number;
  readonly members: readonly unknown[];
}

/** `DCS.VIEW epoch` -> the node's view as JSON, or nil where it is no newer than `epoch`. */
export function encodeView(epoch: number): string {
  return encodeCommandBinary(['DCS.VIEW', epoch]);
}

/** `undefined`: the node has none that is newer. @throws ProtocolError ERR_PROTOCOL_REPLY */
export function decodeViewReply(reply: unknown): ViewReply | undefined {
  if (reply === null) return undefined;
  if (typeof reply === 'string') {
    try {
      const view = JSON.parse(Buffer.from(reply, 'latin1').toString('utf8')) as Partial<ViewReply> | null;
      if (Number.isSafeInteger(view?.epoch) && Array.isArray(view?.members)) return view as ViewReply;
    } catch {
      // said below
    }
  }
  throw unexpected('DCS.VIEW', reply);
}
