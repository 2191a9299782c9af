import { type DampingPolicy, holdMs } from './damping.js';
import { beginHistory, historyOf } from './epoch.js';
import { MemberSupersededError } from './errors.js';
import { type StandingAccusation, condemned } from './expulsion.js';
import { EMPTY_VIEW, type Member, type View, freezeView, sameMember } from './member.js';
import { type Accusation, DEFAULT_LEASE_MS, type Heartbeat, type ReadOptions } from './registry.js';

/*
 * What a registry decides, as pure functions: ledger in, ledger out, no clock and no I/O. The memory and the file
 * registry run this; the Redis script (redis-script.ts) is its only second implementation, held to it by the
 * conformance suite.
 *
 *   heartbeat ──> clock ──> history ──> renew ──> sweep ──> epoch
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
 * Histories. The ledger begins a new one (epoch.ts) when it may lack something that it has given out: it is empty, it
 * comes from another server, or a caller has seen a later epoch.
 *
 * Taking over. A caller brings the last view that it has adopted. Where the ledger may not know of that view, because the
 * view is of another history or of a later epoch, its members are in: those that the ledger lacks are taken over as if
 * they had just been heard. They renew their leases, or become suspects like any other. So whoever adopts a view of a
 * history has brought its members to it before: no member is lost with a registry, and it takes no waiting.
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
  /** Epoch with which the id came into the view of this registry. */
  readonly admittedEpoch: number;
  /** Highest epoch that the member is known to have seen; one that was taken over counts as knowing those it came with. */
  readonly seenEpoch: number;
  /** It came with the view of a caller, not with a heartbeat of its own. */
  readonly takenOver: boolean;
  /** The member itself was heard in this history. */
  readonly heard: boolean;
  /** What this member says of others, by their ids. */
  readonly accuses: ReadonlyMap<string, StandingAccusation>;
}

export interface Ledger {
  readonly epoch: number;
  readonly leases: ReadonlyMap<string, Lease>;
  /** Recent crashes per id: how many, and when the last was. */
  readonly crashes: ReadonlyMap<string, { readonly count: number; readonly lastMs: number }>;
  /** The server that wrote it; `''` where there is but one. */
  readonly server: string;
  /** By history: the highest epoch of it that is known here. Without the present one. */
  readonly known: ReadonlyMap<number, number>;
  /** The history before the present one; 0 for none. */
  readonly parent: number;
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
  server: '',
  known: new Map(),
  parent: 0,
  clock: { lastMs: 0, offsetMs: 0 },
});

/** When and where a call is carried out. */
export interface Call {
  /** Milliseconds from any source that mostly moves forward: leases are counted in it. */
  readonly sourceMs: number;
  /** Wall clock, milliseconds since 1970: histories are named by it. */
  readonly wallMs: number;
  /** Another name than the ledger's: what was written last may be missing here. Default `''`. */
  readonly server?: string;
}

/** Histories whose last epochs are kept. */
export const MAX_KNOWN = 8;

/** What the ledger shows. O(n log n). */
export function viewOf(ledger: Ledger): View {
  if (ledger.epoch === 0) return EMPTY_VIEW;
  const members: Member[] = [];
  for (const lease of ledger.leases.values()) if (lease.heldUntilMs === 0) members.push(lease.member);
  return freezeView(ledger.epoch, members);
}

/** One heartbeat. O(n). Throws `MemberSupersededError` while a newer incarnation of the id holds a lease. */
export function heartbeat(ledger: Ledger, beat: Required<Heartbeat>, call: Call, policy: DampingPolicy): Outcome {
  const draft = new Draft(ledger, call, policy);
  const { member, leaseMs, last, accuses } = beat;
  const held = draft.leases.get(member.id);
  if (held && held.member.incarnation > member.incarnation && held.expiresAtMs > draft.now) {
    throw new MemberSupersededError(member.id, member.incarnation, held.member.incarnation);
  }
  draft.meet(last, leaseMs);
  draft.renew(member, leaseMs, last.epoch, accuses);
  draft.finish(member.id);
  return draft.outcome(true, member.id);
}

/** A graceful leave. O(n). An incarnation older than the one that is in takes nothing out. */
export function remove(
  ledger: Ledger,
  id: string,
  incarnation: number,
  last: View,
  call: Call,
  policy: DampingPolicy,
): Outcome {
  const draft = new Draft(ledger, call, policy);
  if (!draft.isEmpty || last.epoch > 0) draft.meet(last, DEFAULT_LEASE_MS);
  const lease = draft.leases.get(id);
  if (lease && lease.member.incarnation <= incarnation) draft.leave(lease);
  draft.raiseIfChanged();
  return draft.outcome(false, undefined);
}

/** An observer's look: sweeps like a heartbeat. O(n). */
export function read(ledger: Ledger, options: Required<ReadOptions>, call: Call, policy: DampingPolicy): Outcome {
  const draft = new Draft(ledger, call, policy);
  if (!draft.isEmpty || options.last.epoch > 0) draft.meet(options.last, options.leaseMs);
  draft.finish(undefined);
  return draft.outcome(false, undefined);
}

/** A ledger being changed: its maps are copies, its leases are replaced and never written to. */
class Draft {
  readonly now: number;
  readonly leases: Map<string, Lease>;
  readonly crashes: Map<string, { readonly count: number; readonly lastMs: number }>;

  readonly #policy: DampingPolicy;
  readonly #offsetMs: number;
  readonly #expelled: string[] = [];
  /** More than half of the view was overdue when the call came in. */
  readonly #mass: boolean;
  readonly #wallMs: number;
  readonly #server: string;
  /** The ledger was written elsewhere. */
  readonly #moved: boolean;
  readonly #known: Map<number, number>;
  #parent: number;
  #epoch: number;
  #viewChanged = false;
  #changed = false;
  #dirty = false;

  constructor(ledger: Ledger, { sourceMs, wallMs, server = '' }: Call, policy: DampingPolicy) {
    const { lastMs, offsetMs } = ledger.clock;
    this.#wallMs = wallMs;
    this.#server = server;
    this.#moved = ledger.server !== server;
    this.#known = new Map(ledger.known);
    this.#parent = ledger.parent;
    this.now = Math.max(sourceMs + offsetMs, lastMs);
    this.#offsetMs = this.now - sourceMs;
    this.#policy = policy;
    this.#epoch = ledger.epoch;
    this.leases = new Map(ledger.leases);
    this.crashes = new Map(ledger.crashes);
    let members = 0;
    let overdue = 0;
    for (const lease of this.leases.values()) {
      if (lease.heldUntilMs !== 0) continue;
      members++;
      if (this.#isOverdue(lease)) overdue++;
    }
    this.#mass = overdue * 2 > members;
  }

  /** Nobody has ever joined. */
  get isEmpty(): boolean {
    return this.#epoch === 0;
  }

  /** Begins a new history where this one may lack something, and takes over what the caller knows and the ledger may not. */
  meet(last: View, leaseMs: number): void {
    const isKnown = this.#knows(last.epoch);
    if (this.isEmpty || this.#moved || last.epoch > this.#epoch) this.#begin(last.epoch);
    if (!isKnown) this.#takeOver(last, leaseMs);
  }

  #knows(epoch: number): boolean {
    if (epoch === 0) return true;
    const history = historyOf(epoch);
    const highest = history === historyOf(this.#epoch) ? this.#epoch : (this.#known.get(history) ?? 0);
    return epoch <= highest;
  }

  #begin(seen: number): void {
    this.#parent = historyOf(this.#epoch);
    if (!this.isEmpty) this.#note(this.#epoch);
    this.#epoch = beginHistory(this.#wallMs, Math.max(this.#epoch, seen));
    // Renewals and withdrawals may be missing: all leases begin, and accusations are made again.
    for (const [id, lease] of this.leases) {
      const times = { renewedAtMs: this.now, expiresAtMs: this.now + lease.leaseMs };
      this.leases.set(id, { ...lease, ...times, heard: false, accuses: new Map() });
    }
    this.#viewChanged = true;
  }

  #note(epoch: number): void {
    this.#known.set(historyOf(epoch), epoch);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(Math.min(...this.#known.keys()));
  }

  #takeOver({ epoch, members }: View, leaseMs: number): void {
    // The view is of the history that this one goes on from, and later: whoever is not in it has been taken out there.
    const isLater = historyOf(epoch) === this.#parent && this.#parent > 0;
    this.#note(epoch);
    const inView = new Set(members.map(({ id }) => id));
    for (const [id, lease] of this.leases) {
      if (!isLater || lease.heldUntilMs !== 0 || lease.heard || lease.takenOver || inView.has(id)) continue;
      this.leases.delete(id);
      this.#viewChanged = true;
    }
    for (const member of members) {
      const own = this.leases.get(member.id);
      if (own && (own.heard || own.member.incarnation > member.incarnation)) continue;
      const isSame = own?.heldUntilMs === 0 && own.member.incarnation === member.incarnation;
      if (!isSame || !sameMember(own.member, member)) this.#viewChanged = true;
      this.leases.set(member.id, {
        member,
        leaseMs,
        renewedAtMs: this.now,
        expiresAtMs: this.now + leaseMs,
        sharedOutage: false,
        heldUntilMs: 0,
        admittedEpoch: isSame ? own.admittedEpoch : this.#epoch + 1,
        seenEpoch: isSame ? own.seenEpoch : this.#epoch + 1,
        takenOver: isSame ? own.takenOver : true,
        heard: false,
        accuses: new Map(),
      });
    }
    this.#dirty = true;
  }

  /** Takes a member out that says goodbye. */
  leave({ member: { id }, heldUntilMs }: Lease): void {
    this.leases.delete(id);
    this.crashes.delete(id);
    this.#dirty = true;
    if (heldUntilMs === 0) this.#viewChanged = true;
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
    const stays = shown !== undefined && shownBefore !== undefined;
    const admittedEpoch = stays ? before!.admittedEpoch : shown ? this.#epoch + 1 : 0;
    this.leases.set(id, {
      member,
      leaseMs,
      renewedAtMs: this.now,
      expiresAtMs: this.now + leaseMs,
      sharedOutage: false,
      heldUntilMs,
      admittedEpoch,
      seenEpoch: Math.max(seenEpoch, admittedEpoch),
      takenOver: stays && before!.takenOver,
      heard: true,
      accuses: this.#standing(accuses, before),
    });
    const same = shown && shownBefore ? sameMember(shown, shownBefore) : shown === shownBefore;
    if (!same) this.#viewChanged = true;
    this.#dirty = true;
  }

  /** Sweeps every lease but the caller's, and sets the epoch. */
  finish(caller: string | undefined): void {
    this.#sweep(caller);
    this.raiseIfChanged();
  }

  raiseIfChanged(): void {
    if (!this.#viewChanged) return;
    const next = this.#epoch + 1;
    if (historyOf(next) !== historyOf(this.#epoch)) this.#begin(0); // all numbers of this one are used up
    this.#epoch += 1;
    this.#changed = true;
    this.#dirty = true;
  }

  outcome(dirty: boolean, caller: string | undefined): Outcome {
    const ledger: Ledger = {
      epoch: this.#epoch,
      leases: this.leases,
      crashes: this.crashes,
      server: this.isEmpty ? '' : this.#server,
      known: this.#known,
      parent: this.#parent,
      clock: { lastMs: this.now, offsetMs: this.#offsetMs },
    };
    const own = caller === undefined ? undefined : this.leases.get(caller);
    const overdue: string[] = [];
    for (const [id, lease] of this.leases) {
      if (id !== caller && lease.heldUntilMs === 0 && this.#isOverdue(lease)) overdue.push(id);
    }
    return {
      ledger,
      changed: this.#changed,
      dirty: dirty || this.#dirty,
      expelled: this.#expelled.sort(),
      damped: own !== undefined && own.heldUntilMs !== 0,
      admittedEpoch: own === undefined || own.takenOver ? 0 : own.admittedEpoch,
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
