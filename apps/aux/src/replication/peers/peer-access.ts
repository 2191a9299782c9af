import type { Member, PeerAccess, ProbeOutcome, View } from '@dcs/cluster-membership';
import { decodeProbeReply, decodeViewReply, encodeProbe, encodeView, type ProbeReply } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { isRefusedConnection } from './peer-errors.js';
import type { Peers } from './peers.js';

/** Of a probe, and of a view: less than a sixth of the default lease. */
const TIMEOUT_MS = 400;

/** How the membership reaches the other nodes: over the connections that copies and reads take. */
export function peerAccess(peers: Peers, self: () => Member | undefined): PeerAccess {
  return {
    probe: (member) =>
      new Promise((resolve) => {
        const { id = '', incarnation = 0 } = self() ?? {};
        const request = encodeProbe(id, incarnation);
        peers.send(member.id, request, decodeProbeReply, TIMEOUT_MS, (error, reply) =>
          resolve(probeOutcome(member, error, reply)),
        );
      }),
    view: (member, epoch) =>
      new Promise((resolve, reject) => {
        peers.send(member.id, encodeView(epoch), decodeViewReply, TIMEOUT_MS, (error, view) => {
          if (error === null)
            resolve(view as View | undefined); // the membership checks its members
          else reject(error);
        });
      }),
  };
}

/** What an answer to `DCS.PROBE`, or the want of one, says of a member. */
export function probeOutcome(member: Member, error: Error | null, reply: ProbeReply | undefined): ProbeOutcome {
  // A node that does not know the command, or does not answer this one, lives.
  if (error instanceof RespError) return { state: 'serving', epoch: 0 };
  if (error !== null || reply === undefined) return error !== null && isRefusedConnection(error) ? 'refused' : 'silent';
  const { id, incarnation, state, epoch } = reply;
  const isAnother = id !== member.id || (incarnation !== 0 && incarnation !== member.incarnation);
  return isAnother ? 'refused' : { state, epoch };
}
