import { decodeOk, encodeHeader, encodeMerge } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import { type Entry, isTombstone, valueOf } from '../../node/entry.js';
import type { Ownership } from '../../node/ownership.js';
import type { Timers } from '../../node/ports.js';
import type { ViewRefresh } from '../../node/view-refresh.js';
import type { Effect } from './effect.js';
import type { Peers } from '../peers/peers.js';
import { staleViewEpoch } from '../peers/stale-view.js';

/**
 * - `copied`: as many nodes hold the entry as the slot has owners, or all that are alive.
 * - `moved`: this node does not own the slot any more.
 * - `failed`: nodes that may be alive could not be reached in time.
 */
export type CopyOutcome = 'copied' | 'moved' | 'failed';

export interface ReplicatorOptions {
  readonly ownership: Ownership;
  readonly peers: Peers;
  readonly refresh: ViewRefresh;
  readonly timers: Timers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** The event loop was late: silence of others proves nothing. */
  readonly isLagging: () => boolean;
  /** An owner did not get this entry. */
  readonly onMissed: (owner: string, key: string, entry: Entry) => void;
  /** How long, in ms, one that is none of `holders` may still answer reads of a slot with these owners. */
  readonly readableMs: (owners: readonly string[], holders: readonly string[]) => number;
  /** How long an owner may take before another node stands in for it. @defaultValue 250 */
  readonly replicaTimeoutMs?: number;
  /** How long a write may wait for its copies. @defaultValue 2500 */
  readonly deadlineMs?: number;
}

export const DEFAULT_REPLICA_TIMEOUT_MS = 250;
export const DEFAULT_COPY_DEADLINE_MS = 2500;
const RETRY_PAUSE_MS = 50;

/**
 * Copies entries to the other owners of their slots before a write is acknowledged. For an owner that is silent the
 * next node of the slot's walk stands in.
 */
export class Replicator {
  /** Copies given to a node that stood in for an owner. */
  fallbacks = 0;
  /** Writes that could not be copied in time. */
  failures = 0;
  #inFlight = 0;
  readonly #options: ReplicatorOptions;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
  }

  /** Writes that wait for their copies. */
  get inFlight(): number {
    return this.#inFlight;
  }

  replicate(effect: Effect, done: (outcome: CopyOutcome) => void): void {
    const { monotonic, deadlineMs = DEFAULT_COPY_DEADLINE_MS } = this.#options;
    const task: Task = { effect, done, holders: [], deadline: monotonic() + deadlineMs, isExcused: false };
    this.#inFlight++;
    this.#round(task);
  }

  /** Gives the entry to every owner that does not have it yet, and to stand-ins for those that are silent. */
  #round(task: Task): void {
    const { ownership, peers } = this.#options;
    const { slot } = task.effect.entry;
    const owners = ownership.table.ownersOf(slot);
    if (!owners.includes(ownership.selfId)) return this.#end(task, 'moved');
    const round: Round = { outstanding: 1, missing: 0, staleEpoch: 0, owners, used: undefined, walk: undefined };
    for (const owner of owners) {
      if (owner === ownership.selfId || task.holders.includes(owner)) continue;
      if (peers.isSuspect(owner)) this.#replace(task, round, owner);
      else this.#send(task, round, owner);
    }
    this.#settle(task, round);
  }

  #send(task: Task, round: Round, id: string): void {
    const { ownership, peers, isLagging, replicaTimeoutMs = DEFAULT_REPLICA_TIMEOUT_MS } = this.#options;
    task.encoded ??= encodeEffect(ownership.epoch, task.effect);
    round.outstanding++;
    peers.send(id, task.encoded, decodeOk, replicaTimeoutMs, (error) => {
      const staleEpoch = error === null ? 0 : staleViewEpoch(error);
      if (error === null) {
        task.holders.push(id);
      } else if (staleEpoch > 0) {
        round.staleEpoch = Math.max(round.staleEpoch, staleEpoch);
      } else if (isLagging() && !task.isExcused && !(error instanceof RespError)) {
        task.isExcused = true; // its answer may be here, unread: it is asked once more
        round.missing++;
      } else {
        if (!isLagging() && !(error instanceof RespError)) peers.suspect(id, error); // who answers is alive
        this.#replace(task, round, id);
      }
      this.#settle(task, round);
    });
  }

  #replace(task: Task, round: Round, silent: string): void {
    const { ownership, peers, onMissed } = this.#options;
    const { key, entry } = task.effect;
    const { slot } = entry;
    const { table } = ownership;
    if (table.isOwner(silent, slot)) onMissed(silent, key, entry);
    round.walk ??= table.walk(slot, table.members.length);
    round.used ??= new Set(round.owners);
    for (const id of round.walk) {
      if (round.used.has(id)) continue;
      round.used.add(id);
      if (task.holders.includes(id)) return;
      if (peers.isSuspect(id)) continue;
      this.fallbacks++;
      this.#send(task, round, id);
      return;
    }
    round.missing++;
  }

  #settle(task: Task, round: Round): void {
    if (--round.outstanding > 0) return;
    const { refresh, timers, monotonic, readableMs } = this.#options;
    if (round.staleEpoch > 0) {
      task.encoded = undefined;
      void refresh.until(round.staleEpoch).then(() => this.#again(task));
    } else if (round.missing === 0 || this.#restIsDead(task)) {
      const waitMs = readableMs(round.owners, task.holders);
      if (waitMs > 0) timers.after(waitMs, () => this.#again(task));
      else this.#end(task, 'copied');
    } else if (monotonic() + RETRY_PAUSE_MS >= task.deadline) {
      this.#end(task, 'failed');
    } else {
      timers.after(RETRY_PAUSE_MS, () => this.#again(task));
    }
  }

  #again(task: Task): void {
    if (this.#options.monotonic() >= task.deadline) this.#end(task, 'failed');
    else this.#round(task);
  }

  /** Every node that does not hold the entry refuses connections: all that are alive have it. */
  #restIsDead(task: Task): boolean {
    const { ownership, peers } = this.#options;
    return ownership.up.every(({ id }) => id === ownership.selfId || task.holders.includes(id) || peers.isRefusing(id));
  }

  #end(task: Task, outcome: CopyOutcome): void {
    this.#inFlight--;
    if (outcome === 'failed') this.failures++;
    task.done(outcome);
  }
}

interface Task {
  readonly effect: Effect;
  readonly done: (outcome: CopyOutcome) => void;
  /** Nodes that have taken the entry. */
  readonly holders: string[];
  readonly deadline: number;
  /** An owner that did not answer while this node's event loop was late was asked once more. */
  isExcused: boolean;
  /** The message, as of the view in which it was last sent. */
  encoded?: string | undefined;
}

interface Round {
  outstanding: number;
  /** Owners for whom nobody could stand in. */
  missing: number;
  /** A newer epoch that somebody has seen. */
  staleEpoch: number;
  readonly owners: readonly string[];
  /** Owners, and those that were asked to stand in. */
  used: Set<string> | undefined;
  walk: readonly string[] | undefined;
}

export function encodeEffect(epoch: number, { key, entry, operation }: Effect): string {
  return encodeMerge(epoch, key, encodeHeader(entry, entry.expiresAt, entry.kind), copiedValue(entry), operation);
}

/** The bytes of an entry as they travel; a tombstone has none. */
export function copiedValue(entry: Entry): string {
  return isTombstone(entry) ? '' : valueOf(entry);
}
