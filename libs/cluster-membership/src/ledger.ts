import { type DampingPolicy, holdMs } from './damping.js';
import { MemberSupersededError } from './errors.js';
import { type StandingAccusation, condemned } from './expulsion.js';
import { EMPTY_VIEW, type Member, type View, freezeView, sameMember } from './member.js';
import type { Accusation, Heartbeat, ReadOptions } from './registry.js';

/*
 * What a registry decides, as pure functions: ledger in, ledger out, no clock and no I/O. The memory and the file
 * registry run this; the Redis script (redis-script.ts) is its only second implementation, held to it by the
 * conformance suite.
 *
 *   heartbeat ──> clock ──> behind the caller? start settling ──> renew ──> settled? ──> sweep ──> epoch
 *
 * Clock. Times come from any source that mostly moves forward. The ledger adds an offset so that its own time never
 * goes back: when the source does (a reboot, a clock set back) the leases stand where they stood and run on.
 *
 * Suspects. A member whose lease ran out is a suspect. It stays in the view: it may serve clients well and only not
 * reach the registry. expulsion.ts decides which suspects are expelled, from the accusations of the others.
 *
 * Shared outage. A member is overdue when more than half of its lease has passed since it was heard. While more than
 * half of the view is overdue (1 of 1, 2 of 2, 2 of 3, 3 of 4, 3 of 5, ...) the fault is more likely with the registry,
 * the network or the clock than with the members: what ends then does not count as a crash of the member.
 *
 * Settling. A caller that has seen a higher epoch than the ledger's proves that the registry was wiped or rolled
 * back. Publishing what is left would evict live members, so until as many have come back as the callers know of, or
 * one lease has passed, the ledger gathers leases and answers the empty view of epoch 0, which every process with a
 * view ignores. It then continues with one more than the highest epoch seen.
 */

export interface Lease {
  readonly member: Member;
  readonly leaseMs: number;
  readonly renewedAtMs: number;
  readonly expiresAtMs: number;
  /** Most of the view was overdue together with this member since its last renewal. */
  readonly sharedOutage: boolean;
  /** 0: in the view. Otherwise held back until then. */
  readonly heldUntilMs: number;
  /** Epoch with which the id came into the view; 0 where a registry that was wiped took it over. */
  readonly admittedEpoch: number;
  /** Highest epoch that the member is known to have seen. */
  readonly seenEpoch: number;
  /** What this member says of others, by their ids. */
  readonly accuses: ReadonlyMap<string, StandingAccusation>;
}

export interface Settling {
  readonly untilMs: number;
  /** Highest epoch any caller has seen. */
  readonly floor: number;
  /** Members the callers know of. */
  readonly expected: number;
  /** Members that were there before and have come back. */
  readonly returned: ReadonlySet<string>;
}

export interface Ledger {
  readonly epoch: number;
  readonly leases: ReadonlyMap<string, Lease>;
  /** Recent crashes per id: how many, and when the last was. */
  readonly crashes: ReadonlyMap<string, { readonly count: number; readonly lastMs: number }>;
  readonly settling: Settling | undefined;
  /** The latest ledger time, and what to add to the source to get it. */
  readonly clock: { readonly lastMs: number; readonly offsetMs: number };
}

export interface Outcome {
  readonly ledger: Ledger;
  /** What callers are to see changed: subscribers should look. */
  readonly changed: boolean;
  /** Anything but the clock changed: the ledger is worth storing. */
  readonly dirty: boolean;
  readonly expelled: readonly string[];
  readonly damped: boolean;
  /** The caller's, after a heartbeat; 0 otherwise. */
  readonly admittedEpoch: number;
  /** Members in the view, the caller left out, that are overdue. */
  readonly overdue: readonly string[];
}

export const EMPTY_LEDGER: Ledger = Object.freeze({
  epoch: 0,
  leases: new Map(),
  crashes: new Map(),
  settling: undefined,
  clock: { lastMs: 0, offsetMs: 0 },
});

/** What the ledger shows. O(n log n). */
export function viewOf(ledger: Ledger): View {
  if (ledger.settling || ledger.epoch === 0) return EMPTY_VIEW;
  const members: Member[] = [];
  for (const lease of ledger.leases.values()) if (lease.heldUntilMs === 0) members.push(lease.member);
  return freezeView(ledger.epoch, members);
}

/** One heartbeat. O(n). Throws `MemberSupersededError` while a newer incarnation of the id holds a lease. */
export function heartbeat(ledger: Ledger, beat: Required<Heartbeat>, sourceMs: number, policy: DampingPolicy): Outcome {
  const draft = new Draft(ledger, sourceMs, policy);
  const { member, leaseMs, minEpoch, viewSize, accuses } = beat;
  const held = draft.leases.get(member.id);
  if (held && held.member.incarnation > member.incarnation && held.expiresAtMs > draft.now) {
    throw new MemberSupersededError(member.id, member.incarnation, held.member.incarnation);
  }
  draft.catchUp(minEpoch, viewSize, leaseMs, minEpoch > 0 ? member.id : undefined);
  draft.renew(member, leaseMs, minEpoch, accuses);
  draft.finish(member.id);
  return draft.outcome(true, member.id);
}

/** A graceful leave. O(n). An incarnation older than the one that is in takes nothing out. */
export function remove(
  ledger: Ledger,
  id: string,
  incarnation: number,
  minEpoch: number,
  sourceMs: number,
  policy: DampingPolicy,
): Outcome {
  const draft = new Draft(ledger, sourceMs, policy);
  const lease = draft.leases.get(id);
  if (!lease || lease.member.incarnation > incarnation) return draft.outcome(false, undefined);
  draft.leases.delete(id);
  draft.crashes.delete(id);
  if (lease.heldUntilMs === 0 && !draft.settling) draft.raise(minEpoch);
  return draft.outcome(true, undefined);
}

/** An observer's look: sweeps like a heartbeat. O(n). */
export function read(ledger: Ledger, options: Required<ReadOptions>, sourceMs: number, policy: DampingPolicy): Outcome {
  const draft = new Draft(ledger, sourceMs, policy);
  if (draft.leases.size > 0) draft.catchUp(options.minEpoch, options.viewSize, options.leaseMs, undefined);
  draft.finish(undefined);
  return draft.outcome(false, undefined);
}

/** A ledger being changed: its maps are copies, its leases are replaced and never written to. */
class Draft {
  readonly now: number;
  readonly leases: Map<string, Lease>;
  readonly crashes: Map<string, { readonly count: number; readonly lastMs: number }>;
  settling: Settling | undefined;

  readonly #policy: DampingPolicy;
  readonly #offsetMs: number;
  readonly #expelled: string[] = [];
  /** More than half of the view was overdue when the call came in. */
  readonly #mass: boolean;
  #epoch: number;
  #viewChanged = false;
  #changed = false;
  #dirty = false;

  constructor(ledger: Ledger, sourceMs: number, policy: DampingPolicy) {
    const { lastMs, offsetMs } = ledger.clock;
    this.now = Math.max(sourceMs + offsetMs, lastMs);
    this.#offsetMs = this.now - sourceMs;
    this.#policy = policy;
    this.#epoch = ledger.epoch;
    this.leases = new Map(ledger.leases);
    this.crashes = new Map(ledger.crashes);
    this.settling = ledger.settling;
    let members = 0;
    let overdue = 0;
    for (const lease of this.leases.values()) {
      if (lease.heldUntilMs !== 0) continue;
      members++;
      if (this.#isOverdue(lease)) overdue++;
    }
    this.#mass = overdue * 2 > members;
  }

  /** Starts or feeds the settling of a registry that is behind its callers. */
  catchUp(minEpoch: number, viewSize: number, leaseMs: number, returning: string | undefined): void {
    if (!this.settling) {
      if (minEpoch <= this.#epoch) return;
      this.settling = { untilMs: this.now + leaseMs, floor: minEpoch, expected: 0, returned: new Set() };
      this.#changed = true;
    }
    const { untilMs, floor, expected, returned } = this.settling;
    this.settling = {
      untilMs,
      floor: Math.max(floor, minEpoch),
      expected: Math.max(expected, viewSize),
      returned: returning === undefined ? returned : new Set(returned).add(returning),
    };
    this.#dirty = true;
  }

  /** Gives the member a fresh lease, which may be one that holds it back. */
  renew(member: Member, leaseMs: number, seenEpoch: number, accuses: readonly Accusation[]): void {
    const { id, incarnation } = member;
    const before = this.leases.get(id);
    const restarted = before !== undefined && before.member.incarnation !== incarnation;
    if (restarted) this.#countCrash(before);
    let heldUntilMs = before && !restarted ? before.heldUntilMs : this.#holdUntil(id);
    if (heldUntilMs !== 0 && (heldUntilMs <= this.now || !this.#hasOthers(id))) heldUntilMs = 0;
    const shown = heldUntilMs === 0 ? member : undefined;
    const shownBefore = before?.heldUntilMs === 0 ? before.member : undefined;
    let admittedEpoch = 0;
    if (shown && shownBefore) ({ admittedEpoch } = before!);
    else if (shown && !this.settling) admittedEpoch = this.#epoch + 1;
    this.leases.set(id, {
      member,
      leaseMs,
      renewedAtMs: this.now,
      expiresAtMs: this.now + leaseMs,
      sharedOutage: false,
      heldUntilMs,
      admittedEpoch,
      seenEpoch: Math.max(seenEpoch, admittedEpoch),
      accuses: this.#standing(accuses, before),
    });
    const same = shown && shownBefore ? sameMember(shown, shownBefore) : shown === shownBefore;
    if (!same) this.#viewChanged = true;
    this.#dirty = true;
  }

  /** Ends the settling where it is time, sweeps every lease but the caller's, and sets the epoch. */
  finish(caller: string | undefined): void {
    const { settling } = this;
    if (settling) {
      if (settling.returned.size < settling.expected && this.now < settling.untilMs) return;
      this.settling = undefined;
      this.#sweep(caller);
      this.raise(settling.floor);
      return;
    }
    this.#sweep(caller);
    if (this.#viewChanged) this.raise(0);
  }

  raise(floor: number): void {
    this.#epoch = Math.max(this.#epoch, floor) + 1;
    this.#changed = true;
    this.#dirty = true;
  }

  outcome(dirty: boolean, caller: string | undefined): Outcome {
    const ledger: Ledger = {
      epoch: this.#epoch,
      leases: this.leases,
      crashes: this.crashes,
      settling: this.settling,
      clock: { lastMs: this.now, offsetMs: this.#offsetMs },
    };
    const { heldUntilMs = 0, admittedEpoch = 0 } = (caller !== undefined && this.leases.get(caller)) || {};
    const overdue: string[] = [];
    for (const [id, lease] of this.leases) {
      if (id !== caller && lease.heldUntilMs === 0 && this.#isOverdue(lease)) overdue.push(id);
    }
    return {
      ledger,
      changed: this.#changed,
      dirty: dirty || this.#dirty,
      expelled: this.#expelled.sort(),
      damped: heldUntilMs !== 0,
      admittedEpoch,
      overdue: overdue.sort(),
    };
  }

  /** What the member says now; what it has said before of the same process stands since then. */
  #standing(accuses: readonly Accusation[], before: Lease | undefined): ReadonlyMap<string, StandingAccusation> {
    return new Map(
      accuses.map(({ id, incarnation, kind }) => {
        const earlier = before?.accuses.get(id);
        const sinceMs = earlier?.incarnation === incarnation ? earlier.sinceMs : this.now;
        return [id, { incarnation, kind, sinceMs }];
      }),
    );
  }

  #sweep(caller: string | undefined): void {
    for (const [id, lease] of this.leases) {
      if (id === caller) continue;
      if (lease.heldUntilMs !== 0) {
        if (lease.expiresAtMs <= this.now) this.#end(id, lease);
      } else if (this.#mass && !lease.sharedOutage && this.#isOverdue(lease)) {
        this.leases.set(id, { ...lease, sharedOutage: true });
        this.#dirty = true;
      }
    }
    for (const id of condemned(this.leases, this.now)) {
      this.#end(id, this.leases.get(id)!);
      this.#expelled.push(id);
      this.#viewChanged = true;
    }
  }

  #end(id: string, lease: Lease): void {
    this.leases.delete(id);
    this.#countCrash(lease);
    this.#dirty = true;
  }

  #isOverdue({ renewedAtMs, leaseMs }: Lease): boolean {
    return renewedAtMs + leaseMs / 2 <= this.now;
  }

  /**
   * A crash that most of the view shares, or that cut a graceful leave short, is no flap. The last to return from an
   * outage find most of the view back: their leases record that they shared it.
   */
  #countCrash(lease: Lease): void {
    if (this.#mass || lease.sharedOutage || lease.member.state === 'leaving') return;
    const oldest = this.now - this.#policy.windowMs;
    for (const [id, { lastMs }] of this.crashes) if (lastMs < oldest) this.crashes.delete(id);
    const count = (this.crashes.get(lease.member.id)?.count ?? 0) + 1;
    this.crashes.set(lease.member.id, { count, lastMs: this.now });
  }

  #holdUntil(id: string): number {
    const crashes = this.crashes.get(id);
    if (!crashes || crashes.lastMs < this.now - this.#policy.windowMs) return 0;
    const hold = holdMs(crashes.count, this.#policy);
    return hold === 0 ? 0 : this.now + hold;
  }

  /** A flapping member is better than none: only a view with others in it holds one back. */
  #hasOthers(id: string): boolean {
    for (const lease of this.leases.values()) if (lease.heldUntilMs === 0 && lease.member.id !== id) return true;
    return false;
  }
}
