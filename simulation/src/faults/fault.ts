import type { Scene } from './scene.js';

/** One kind of fault: what it does, and what checks and the shape of a run must know of it. */
export interface Fault {
  /** Each step at a time after the phase begins; what it breaks is whole again when the phase ends. */
  readonly inject: (scene: Scene) => void;
  /** Two nodes may act for one slot at the same time, each unaware of the other. */
  readonly splits?: true;
  /** During the fault or right after it, gateways reach an owner before another that acted in its place does. */
  readonly parts?: true;
  /** Processes lose their memory: one node's at a time, or that of more nodes than a slot may lose. */
  readonly loses?: 'one' | 'all';
  /** Clocks are so wrong that entries may expire at another time. */
  readonly movesClocks?: true;
  /** Every node has a disk. */
  readonly disks?: true;
  /** A node comes back with a disk that is older than those of the others. */
  readonly agesDisks?: true;
  /** The loss of all disks is part of it, so there are backups. */
  readonly backups?: true;
  /** Nodes hold fewer entries than there are keys. */
  readonly evicts?: true;
  /** Gateways read from primaries: a replica that does not hear its primary answers by itself after 250 ms. */
  readonly readsPrimaries?: true;
  /** Nodes change how many copies a slot has. */
  readonly changesReplicas?: true;
  /** The shortest phase in which it shows, ms. */
  readonly minPhaseMs?: number;
  /** Nodes that are there but do not run when it begins. */
  readonly spares?: number;
  /** How long nodes wait for others after the loss of all. */
  readonly recoveryWait?: 'short' | 'any';
  /** How many times as often as others a seed has it. @defaultValue 1 */
  readonly weight?: number;
  /** Why it is part of no swarm: with another fault it may lose what each alone does not. */
  readonly alone?: string;
  /** Why no seed has it by chance: what of the protocol is red under it. */
  readonly off?: string;
}
