import type { Member, View } from './member.js';

/** How a member answers a probe on its data port. */
export interface ProbeAnswer {
  /** `fenced`: it serves nobody. `accusing`: it accuses the one who asks, or may have done so. */
  readonly state: 'serving' | 'fenced' | 'accusing';
  /** Of its view. */
  readonly epoch: number;
}

/** `refused`: nobody listens there, or another process does. `silent`: no answer in time. */
export type ProbeOutcome = ProbeAnswer | 'refused' | 'silent';

/** How members reach each other, besides the registry. Both settle within a bounded time and may reject. */
export interface PeerAccess {
  /** Asks a member, on the path that its clients use, for a sign of life. */
  probe(member: Member): Promise<ProbeOutcome>;
  /** The member's view; undefined where its epoch is not higher than `epoch`. */
  view(member: Member, epoch: number): Promise<View | undefined>;
}
