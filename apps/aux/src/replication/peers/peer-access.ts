import type { Member, PeerAccess, ProbeOutcome, View } from '@dcs/cluster-membership';
import { decodeProbeReply, decodeViewReply, encodeProbe, encodeView } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { isRefusedConnection } from './peer-errors.js';
import type { Peers } from './peers.js';

/** Of a probe, and of a view: less than a sixth of the default lease. */
const TIMEOUT_MS = 400;

/** How the membership reaches the other nodes: over the connections that copies and reads take. */
export function peerAccess(peers: Peers, self: () => Member | undefined): PeerAccess {
  const ask = <T>(member: Member, request: string, answered: (error: Error | null, reply: unknown) => T): Promise<T> =>
    new Promise((resolve, reject) => {
      peers.send(member.id, request, TIMEOUT_MS, (error, reply) => {
        try {
          resolve(answered(error, reply));
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
  return {
    probe: (member) => {
      const { id = '', incarnation = 0 } = self() ?? {};
      return ask(member, encodeProbe(id, incarnation), (error, reply) => outcomeOf(member, error, reply));
    },
    view: (member, epoch) =>
      ask(member, encodeView(epoch), (error, reply) => {
        if (error !== null) throw error;
        return decodeViewReply(reply) as View | undefined; // the membership checks its members
      }),
  };
}

function outcomeOf(member: Member, error: Error | null, reply: unknown): ProbeOutcome {
  // A node that does not know the command, or does not answer this one, lives.
  if (error instanceof RespError) return { state: 'serving', epoch: 0 };
  if (error !== null) return isRefusedConnection(error) ? 'refused' : 'silent';
  const { id, incarnation, state, epoch } = decodeProbeReply(reply);
  const isAnother = id !== member.id || (incarnation !== 0 && incarnation !== member.incarnation);
  return isAnother ? 'refused' : { state, epoch };
}
