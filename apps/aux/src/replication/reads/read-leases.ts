import { decodeOk, encodeLease } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import type { Ownership } from '../../node/ownership.js';
import type { Timers } from '../../node/ports.js';
import type { ViewRefresh } from '../../node/view-refresh.js';
import type { Peers } from '../peers/peers.js';
import { isRefusedConnection, isTimeout, isUnknownCommand } from '../peers/peer-errors.js';
import { staleViewEpoch } from '../peers/stale-view.js';

/** What the replica makes of it: clocks of two hosts run at different speeds. */
const LEASE_MS = 450;
const RENEWAL_MS = 150;
/** A lease is renewed for so long after it was needed last. */
const WARM_MS = 10_000;
const TIMEOUT_MS = 250;
const SUSPECT_TIMEOUT_MS = 100;
/** A connection that was lost is soon there again if the primary lives: pause between looks, and for how long. */
const RECONNECT_PAUSE_MS = 50;
const RECONNECT_PATIENCE_MS = 600;
/** How long a primary that does not answer is taken for one that does nothing. */
const SILENCE_MS = 200;
/** The same for one of a version that has no leases. */
const WITHOUT_LEASES_MS = 10_000;

export interface ReadLeasesOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly refresh: ViewRefresh;
  readonly timers: Timers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** The event loop was late: silence of others proves nothing. */
  readonly isLagging: () => boolean;
}

interface Lease {
  epoch: number;
  until: number;
  /** The primary does not answer: until then nothing is expected of it. */
  silentUntil: number;
  /** It did not answer when it was asked last. */
  isSilent: boolean;
  usedAt: number;
  isAsking: boolean;
  cancelRenewal: (() => void) | undefined;
  waiting: ((isGranted: boolean) => void)[];
}

/**
 * A replica answers a read only while its primary has said, a moment ago, that it lacks no acknowledged write; or while
 * the primary answers nobody here. Asked for when a read comes, kept up for some seconds after it. (Gray and Cheriton,
 * "Leases", 1989; Moraru et al., "Paxos Quorum Leases", 2014.)
 */
export class ReadLeases {
  readonly #options: ReadLeasesOptions;
  readonly #leases = new Map<string, Lease>();
  #closed = false;

  constructor(options: ReadLeasesOptions) {
    this.#options = options;
  }

  /** The monotonic time until which reads may be answered for this primary, ms; in the past: not now. */
  validUntil(primary: string): number {
    const lease = this.#leases.get(primary);
    if (lease === undefined) return -Infinity;
    const { ownership, monotonic } = this.#options;
    lease.usedAt = monotonic();
    return Math.max(lease.silentUntil, lease.epoch === ownership.epoch ? lease.until : -Infinity);
  }

  /** Asks the primary. Calls back within a second, with false when this node is behind. */
  obtain(primary: string, done: (isGranted: boolean) => void): void {
    if (this.#closed) return done(false);
    let lease = this.#leases.get(primary);
    if (lease === undefined) {
      lease = {
        epoch: -1,
        until: -Infinity,
        silentUntil: -Infinity,
        isSilent: false,
        usedAt: 0,
        isAsking: false,
        cancelRenewal: undefined,
        waiting: [],
      };
      this.#leases.set(primary, lease);
    }
    lease.usedAt = this.#options.monotonic();
    lease.waiting.push(done);
    if (!lease.isAsking) this.#begin(primary, lease);
  }

  /** Forgets nodes that are gone. After every view. */
  retain(alive: (id: string) => boolean): void {
    for (const [id, { isAsking }] of this.#leases) if (!isAsking && !alive(id)) this.#leases.delete(id);
  }

  close(): void {
    this.#closed = true;
    for (const lease of this.#leases.values()) {
      lease.cancelRenewal?.();
      this.#settle(lease, false);
    }
    this.#leases.clear();
  }

  #begin(primary: string, lease: Lease): void {
    lease.isAsking = true;
    this.#ask(primary, lease, lease.isSilent ? -Infinity : this.#options.monotonic() + RECONNECT_PATIENCE_MS);
  }

  /** @param patientUntil how long a lost connection means nothing */
  #ask(primary: string, lease: Lease, patientUntil: number): void {
    const { ownership, peers, monotonic, timers } = this.#options;
    const { epoch, selfId } = ownership;
    const askedAt = monotonic();
    const timeoutMs = peers.isSuspect(primary) ? SUSPECT_TIMEOUT_MS : TIMEOUT_MS;
    peers.send(primary, encodeLease(epoch, selfId), decodeOk, timeoutMs, (error) => {
      if (this.#closed) return;
      if (error !== null && monotonic() < patientUntil && isLostConnection(error)) {
        timers.after(RECONNECT_PAUSE_MS, () => {
          if (!this.#closed) this.#ask(primary, lease, patientUntil);
        });
        return;
      }
      lease.isAsking = false;
      lease.isSilent = error !== null && !(error instanceof RespError);
      if (error === null) {
        lease.epoch = epoch;
        lease.until = askedAt + LEASE_MS;
        this.#renewLater(primary, lease);
      }
      this.#settle(lease, error === null || this.#isSilence(primary, lease, error));
    });
  }

  /** Without the primary's word: whether that is because it says nothing. */
  #isSilence(primary: string, lease: Lease, error: Error): boolean {
    const { peers, refresh, monotonic, isLagging } = this.#options;
    if (error instanceof RespError) {
      const isOlder = isUnknownCommand(error);
      if (isOlder) lease.silentUntil = monotonic() + WITHOUT_LEASES_MS;
      const staleEpoch = staleViewEpoch(error);
      if (refresh.needed(staleEpoch)) void refresh.until(staleEpoch);
      return isOlder;
    }
    if (isLagging() && isTimeout(error)) return false;
    peers.suspect(primary, error);
    lease.silentUntil = monotonic() + SILENCE_MS;
    return true;
  }

  #settle(lease: Lease, isGranted: boolean): void {
    const { waiting } = lease;
    lease.waiting = [];
    for (const done of waiting) done(isGranted);
  }

  #renewLater(primary: string, lease: Lease): void {
    const { timers, monotonic } = this.#options;
    lease.cancelRenewal?.();
    lease.cancelRenewal = timers.after(RENEWAL_MS, () => {
      if (this.#closed || lease.isAsking || this.#leases.get(primary) !== lease) return;
      if (monotonic() - lease.usedAt < WARM_MS) this.#begin(primary, lease);
    });
  }
}

function isLostConnection(error: Error): boolean {
  return !(error instanceof RespError) && !isTimeout(error) && !isRefusedConnection(error);
}
