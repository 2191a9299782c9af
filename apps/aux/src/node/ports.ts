import type { PeerTransport } from '../replication/ports.js';

/** Waiting, as the node needs it: real timers in production, simulated ones in tests. */
export interface Timers {
  /** Calls back once after `ms`; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** What a node takes from the world around it. */
export interface NodePorts {
  /** Wall clock, ms since the Unix epoch. */
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
}
