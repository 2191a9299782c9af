import type { HybridClock } from '@dcs/protocol';
import type { DedupTable } from '../../node/dedup-table.js';
import type { Ownership } from '../../node/ownership.js';
import type { NodeBackup, NodeDisk, PeerTransport, Timers } from '../../node/ports.js';
import type { Store } from '../../node/store.js';
import type { Peers } from '../peers/peers.js';
import type { SlotLedger } from '../slots/slot-ledger.js';

export interface RecoveryTuning {
  /** How long slots wait for the nodes that had them last. @defaultValue 30_000 */
  readonly recoveryWaitMs?: number;
  /**
   * How long a node with an empty disk waits for others with a full one, once it is loaded, in a cluster that lived
   * before and that everybody has left. @defaultValue 3000
   */
  readonly recoveryGraceMs?: number;
}

export interface RecoveryOptions extends RecoveryTuning {
  readonly ownership: Ownership;
  readonly ledger: SlotLedger;
  readonly peers: Peers;
  readonly transport: PeerTransport;
  readonly store: Store;
  readonly dedup: DedupTable;
  readonly clock: HybridClock;
  readonly timers: Timers;
  readonly now: () => number;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  readonly replicas: number;
  readonly tombstoneRetentionMs: number;
  readonly disk: NodeDisk | undefined;
  readonly backup: NodeBackup | undefined;
  /** Slots have something to be imported. */
  readonly onReleased: () => void;
  /**
   * This node was expelled, and knows now what the others have.
   * @param isStale they have all that it acknowledged: its copies count as older
   */
  readonly onReturned: (isStale: boolean) => void;
}
