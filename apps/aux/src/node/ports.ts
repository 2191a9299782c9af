import type { ClusterMembership, Member, View } from '@dcs/cluster-membership';
import type { SlotSet } from '@dcs/protocol';
import type { Entry } from './entry.js';
import type { Store } from './store.js';

/** Waiting, as the node needs it: real timers in production, simulated ones in tests. */
export interface Timers {
  /** Calls back once after `ms`; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** A connection to another node. Replies are RESP values with binary strings; an error reply is an `Error`. */
export interface PeerLink {
  send(encoded: string, timeoutMs: number, callback: (error: Error | null, reply: unknown) => void): void;
  /** Ends the connection as if it had been lost; the next one is made as after any loss. */
  reset(cause: Error): void;
  close(): void;
}

/** Opens connections to other nodes: RESP over TCP in production, a simulated network in tests. */
export interface PeerTransport {
  open(member: Member): PeerLink;
}

/** What this node may do by the rules of the membership. */
export type MemberStanding = Pick<ClusterMembership, 'isFenced' | 'answerProbe' | 'overdue'>;

/** What a node takes from the world around it. */
export interface NodePorts {
  /** The cluster's time, ms since the Unix epoch. */
  readonly now: () => number;
  /** An unguessable integer, 0 <= n < 2^32. */
  readonly random32: () => number;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly timers: Timers;
  /** Connections to the other nodes. */
  readonly transport: PeerTransport;
  /** Reads the registry until the view is at least as new as `minEpoch`. */
  readonly refreshView: (minEpoch: number) => Promise<unknown>;
  /** Undefined before it joins. */
  readonly standing?: () => MemberStanding | undefined;
  /** Absent: in memory only. */
  readonly disk?: NodeDisk;
  readonly backup?: NodeBackup;
}

/** What a disk knows of the cluster that its entries were part of. */
export interface DiskIdentity {
  /**
   * Names an unbroken history of the data: nodes of one lineage, once they have a slot whole, have all of it that the
   * others' disks have. A new one begins where a slot had to be given up for lost.
   */
  readonly historyId: string;
  /** When the node was last known to run, ms since the Unix epoch: at most {@link NodeDisk.aliveAgeMs} before its end. */
  readonly aliveAt: number;
  /**
   * The last view in which this node had imported all that it owned, and those after it, oldest first: an entry may be
   * with the owners of its slot in any of them. Empty for a node that has never had its slots whole.
   */
  readonly views: readonly View[];
}

/** Where the entries of a node outlive its process. */
export interface NodeDisk {
  /** What was found when it was opened; undefined for an empty disk, and for one whose entries cannot be trusted. */
  readonly identity: DiskIdentity | undefined;
  /** Entries that were found damaged, and left out. */
  readonly damaged: number;
  /** How old the `aliveAt` that is on the disk may become while the node runs, ms. */
  readonly aliveAgeMs: number;
  /**
   * Merges what is on the disk into the store, the most recent entries as far as they fit, in steps that leave the event
   * loop free. Then, and from then on, whatever changes in the store goes to the disk. Once.
   */
  load(store: Store): Promise<void>;
  /** Forgets everything that was found. Before {@link load}, or instead of what it would have loaded. */
  discard(): Promise<void>;
  /** Keeps this; `aliveAt` is the disk's own business. On disk with the next write. */
  remember(historyId: string, views: readonly View[]): void;
  /**
   * Calls back when all that is in the store now is as safe as the disk is to make it, with an error when it could not
   * be: then it may be on disk, or not. At once where nothing is outstanding.
   */
  whenDurable(done: (error: Error | undefined) => void): void;
  /**
   * The group commit that {@link whenDurable} would wait for: the same object for as long as what is written falls into
   * the same one. Undefined where nothing is outstanding, and while nothing can be written.
   */
  readonly commit: object | undefined;
  /** Why nothing can be written at present; undefined while all is well. Writes are to be refused with it. */
  readonly refusal: string | undefined;
  /** What is wrong with the disk while writes are still taken; undefined while all is well. */
  readonly degradation?: string | undefined;
  /** Writes what is outstanding, and lets go of the directory. Idempotent. */
  close(): Promise<void>;
}

/** Backups of the whole cluster, for slots whose nodes and disks are all gone. */
export interface NodeBackup {
  /** Reads what all nodes last backed up of these slots. Rejects when there is a backup that cannot be read at all. */
  restore(slots: SlotSet, merge: (key: string, entry: Entry) => void): Promise<void>;
}
