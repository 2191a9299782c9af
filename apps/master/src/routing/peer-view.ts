import { type Member, type PeerAccess, type View } from '@dcs/cluster-membership';
import { decodeViewReply, encodeView } from '@dcs/protocol';
import { type Topology } from './topology.js';

const TIMEOUT_MS = 400;

/** The view of a node, for a gateway that does not reach the registry. */
export function viewAccess(topology: () => Topology): Pick<PeerAccess, 'view'> {
  return {
    view: ({ id }: Member, epoch: number): Promise<View | undefined> =>
      new Promise((resolve, reject) => {
        const node = topology().node(id);
        if (node === undefined) return resolve(undefined);
        node.connection.send(
          encodeView(epoch),
          (error, reply) => {
            if (error !== null) return reject(error);
            try {
              resolve(decodeViewReply(reply) as View | undefined); // the membership checks its members
            } catch (cause) {
              reject(cause as Error);
            }
          },
          TIMEOUT_MS,
        );
      }),
  };
}
