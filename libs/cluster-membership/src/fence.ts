import { HEARD_SHARE, TRUSTED_SHARE } from './expulsion.js';
import type { Member, View } from './member.js';
import type { Timers } from './membership-options.js';
import type { PeerAccess } from './peer-access.js';

/** A member probes the others when it has not reached the registry for this share of a lease. */
const PROBE_AFTER_SHARE = 1 / 2;
/** Between probes of one peer, as a share of a lease. */
const PROBE_INTERVAL_SHARE = 1 / 8;

export interface FenceOptions {
  readonly leaseMs: number;
  readonly probe: PeerAccess['probe'];
  readonly view: () => View;
  readonly selfId: string;
  readonly timers: Timers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** A peer has a newer view. */
  readonly onNewer: (peer: Member) => void;
}

/**
 * Whether this member may serve. It may while the registry has heard it lately, and without the registry while it hears
 * more than half of its view, itself included. Otherwise it may have been expelled, and fences itself.
 *
 * Where all have lost the registry they hear each other and go on. A member that is fenced goes on, too, when every other
 * member of its view answers it and none accuses it or has a newer view: then nobody has expelled anybody. One that was
 * fenced when it learnt a newer view may have been expelled, even where that view has it again: only the registry knows.
 */
export class Fence {
  readonly #options: FenceOptions;
  /** When the last heartbeat that succeeded was sent. */
  #reachedAt: number;
  /** When the last probe was sent that a peer answered as one that serves; and as one that does not accuse this member. */
  readonly #heardAt = new Map<string, number>();
  readonly #answeredAt = new Map<string, number>();
  readonly #asking = new Set<string>();
  #heardUntil = -Infinity;
  /** Epoch of the view in which this member fenced itself. */
  #fencedIn: number | undefined;
  #timer: unknown;
  #closed = false;

  constructor(options: FenceOptions) {
    this.#options = options;
    this.#reachedAt = options.monotonic();
  }

  /** From now on peers are probed where the registry is silent. */
  start(): void {
    this.#schedule();
  }

  /** O(1): every request asks. */
  get isFenced(): boolean {
    const now = this.#options.monotonic();
    return now >= this.#reachedAt + this.#options.leaseMs * TRUSTED_SHARE && now >= this.#heardUntil;
  }

  /** Whether the registry has not been reached for so long that it does not vouch for this member any more. */
  get isCutOff(): boolean {
    return this.#options.monotonic() >= this.#reachedAt + this.#options.leaseMs * TRUSTED_SHARE;
  }

  /** A heartbeat that was sent at this monotonic time has succeeded. */
  reached(sentAt: number): void {
    this.#reachedAt = Math.max(this.#reachedAt, sentAt);
    if (!this.isFenced) this.#fencedIn = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#options.timers.clearTimeout(this.#timer);
  }

  #schedule(): void {
    const { timers, leaseMs } = this.#options;
    if (this.#closed) return;
    this.#timer = timers.setTimeout(() => {
      this.#probe();
      this.#schedule();
    }, leaseMs * PROBE_INTERVAL_SHARE);
  }

  #probe(): void {
    const { view, selfId, leaseMs, monotonic } = this.#options;
    if (monotonic() < this.#reachedAt + leaseMs * PROBE_AFTER_SHARE) return;
    const { members } = view();
    for (const id of this.#answeredAt.keys()) {
      if (members.some((member) => member.id === id)) continue;
      this.#answeredAt.delete(id);
      this.#heardAt.delete(id);
    }
    for (const member of members) if (member.id !== selfId) void this.#ask(member);
    this.#count();
  }

  async #ask(member: Member): Promise<void> {
    const { probe, monotonic, view, onNewer } = this.#options;
    if (this.#asking.has(member.id)) return;
    this.#asking.add(member.id);
    const sentAt = monotonic();
    try {
      const answer = await probe(member);
      if (this.#closed || typeof answer === 'string') return;
      if (answer.epoch > view().epoch) onNewer(member);
      else if (answer.state !== 'accusing') {
        this.#answeredAt.set(member.id, sentAt);
        if (answer.state === 'serving') this.#heardAt.set(member.id, sentAt);
        this.#count();
      }
    } catch {
      // no answer
    } finally {
      this.#asking.delete(member.id);
    }
  }

  #count(): void {
    const { view, selfId, leaseMs } = this.#options;
    const { members, epoch } = view();
    if (!this.isFenced) this.#fencedIn = undefined;
    else this.#fencedIn ??= epoch;
    const isSealed = this.#fencedIn !== undefined && this.#fencedIn !== epoch;
    if (isSealed || !members.some(({ id }) => id === selfId)) {
      this.#heardUntil = -Infinity;
      return;
    }
    const others = members.filter(({ id }) => id !== selfId);
    const at = (times: ReadonlyMap<string, number>): number[] =>
      others.map(({ id }) => times.get(id) ?? -Infinity).sort((a, b) => b - a);
    const needed = Math.floor(members.length / 2); // the least for which mayServe() holds
    const heardAt = needed === 0 ? Infinity : at(this.#heardAt)[needed - 1]!;
    const allAnsweredAt = others.length === 0 ? Infinity : at(this.#answeredAt).at(-1)!;
    this.#heardUntil = Math.max(heardAt, allAnsweredAt) + leaseMs * HEARD_SHARE;
  }
}
