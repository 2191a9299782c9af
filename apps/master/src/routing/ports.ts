import { type Member, type View } from '@dcs/cluster-membership';

/**
 * What the routing needs from outside. Production gives it the process's clock, timers and sockets; a simulation gives
 * it its own.
 */
export interface Time {
  /** The cluster's time, milliseconds since the Unix epoch. */
  readonly wall: () => number;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
  /** Calls back once after `ms`; the result cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Calls back when what has been sent so far in this turn of the event loop is about to leave. */
  readonly afterTurn: (callback: () => void) => void;
}

/** 0 <= x < 1. */
export type Random = () => number;

export type ReplyCallback = (error: Error | null, reply: unknown) => void;

/** One pipelined connection to an aux; it reconnects by itself until it is closed. */
export interface NodeConnection {
  readonly connected: boolean;
  /** Requests without an answer yet. */
  readonly inFlight: number;
  /** Calls back exactly once, with an error after `timeoutMs` at the latest. */
  send(command: string, callback: ReplyCallback, timeoutMs: number): void;
  /** Ends the connection as if it had been lost; the next one is made as after any loss. */
  reset(cause: Error): void;
  /** Finishes what is in flight, then closes. Idempotent. */
  close(): Promise<void>;
}

export type Connect = (member: Member) => NodeConnection;

/** The part of the membership that routing reads. */
export interface ViewSource {
  readonly view: View;
  refresh(minEpoch?: number): Promise<View>;
  on(event: 'view', listener: (view: View) => void): unknown;
  off(event: 'view', listener: (view: View) => void): unknown;
}

export type RetryReason = 'moved' | 'loading' | 'timeout' | 'connection' | 'clusterdown' | 'stale' | 'no_owner';

/** Who answers reads: the primary, or any owner in turn. */
export type ReadFrom = 'primary' | 'any';

/** Told of what happens on the way; all are plain counters in production. */
export interface RoutingObserver {
  retried(reason: RetryReason): void;
  budgetExhausted(): void;
  /** A read was sent to a second node because the first was slow. */
  hedged(): void;
  coalesced(): void;
  /** A reply that breaks the protocol, or an error of the node that routing has no rule for. */
  unexpected(error: Error): void;
}
