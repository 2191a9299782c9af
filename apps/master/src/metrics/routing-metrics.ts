import { type RetryReason, type RoutingObserver } from '../routing/ports.js';

const RETRY_REASONS: readonly RetryReason[] = [
  'moved',
  'loading',
  'timeout',
  'connection',
  'clusterdown',
  'stale',
  'no_owner',
];

/** Plain counters of what happens between the gateway and the aux. */
export class RoutingMetrics implements RoutingObserver {
  readonly retries = new Map<RetryReason, number>(RETRY_REASONS.map((reason) => [reason, 0]));
  coalescedReads = 0;
  budgetsExhausted = 0;
  hedgedReads = 0;
  unexpectedReplies = 0;
  readonly #onUnexpected: (error: Error) => void;

  constructor(onUnexpected: (error: Error) => void) {
    this.#onUnexpected = onUnexpected;
  }

  retried(reason: RetryReason): void {
    this.retries.set(reason, this.retries.get(reason)! + 1);
  }

  budgetExhausted(): void {
    this.budgetsExhausted++;
  }

  hedged(): void {
    this.hedgedReads++;
  }

  coalesced(): void {
    this.coalescedReads++;
  }

  unexpected(error: Error): void {
    this.unexpectedReplies++;
    this.#onUnexpected(error);
  }
}
