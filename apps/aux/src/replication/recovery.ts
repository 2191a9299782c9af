import type { Member, View } from '@dcs/cluster-membership';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { compareVersions, encodeSync, type HybridClock, makeVersion, SlotSet } from '@dcs/protocol';
import { RespError } from '@dcs/resp';
import type { DiskIdentity, NodeBackup, NodeDisk, Timers } from '../node/ports.js';
import { NONE, type Ownership } from '../node/ownership.js';
import type { Store } from '../node/store.js';
import { LastOwners } from './last-owners.js';
import { decodeOrigin, type Origin, ORIGIN_COMMAND } from './origin.js';
import type { Peers } from './peers.js';
import type { SlotLedger } from './slot-ledger.js';

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
  readonly store: Store;
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
}

const DEFAULT_WAIT_MS = 30_000;
const DEFAULT_GRACE_MS = 3000;
const ORIGIN_TIMEOUT_MS = 500;
const SYNC_TIMEOUT_MS = 2000;
const POLL_MS = 100;
const REST_POLL_MS = 1000;
/** Views kept on disk between two in which all was whole; the first and the last of more. */
const MAX_VIEWS = 8;
/** A large cluster is asked bit by bit. */
const MAX_ASKED_AT_ONCE = 8;
const SCAN_VISITS = 16_384;
/** Digits of a time in ms until the year 33658, so that lineages sort by time. */
const LINEAGE_DIGITS = 15;

/**
 * Finds the data again after more has gone than replication covers: every node was down at once, or all owners of a
 * slot. Slots are *held* (nothing is said of them) until all nodes that owned them last are back with what their disks
 * have, or a time is over; what no disk has comes from a backup. docs/recovery.md tells the whole.
 *
 * Without a disk and without a backup it does nothing.
 */
export class Recovery {
  /** Slots that were given up: none of the nodes that owned them last came back with its disk. */
  slotsGivenUp = 0;
  /** The last restore from a backup that failed. */
  restoreError: Error | undefined;
  readonly #options: RecoveryOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #asking = new Set<string>();
  readonly #startedAt: number;
  /** Of {@link slotsGivenUp}, those of before this recovery. */
  #givenUpBefore = 0;
  #identity: DiskIdentity | undefined;
  #lineage: string | undefined;
  #loaded: boolean;
  #lived = false;
  /** Incarnations of the members that were there before this node joined, by id. */
  #before: ReadonlyMap<string, number> = new Map();
  #loadedAt = Infinity;
  #recovering = false;
  #restoring = false;
  /** Monotonic time at which waiting for missing nodes ends. */
  #deadline = Infinity;
  /** This disk has what the others may not: they have to take it before it counts as one of theirs. */
  #foreign = false;
  #told = new Set<string>();
  #toldEpoch = -1;
  #agreedEpoch = -1;
  #agreed = new Set<string>();
  /** Since the last view in which all was whole, that one included. */
  #views: readonly View[] = [];
  #lastOwners: { readonly views: readonly View[]; readonly owners: LastOwners } | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#startedAt = options.monotonic();
    this.#identity = options.disk?.identity;
    this.#views = this.#identity?.views ?? [];
    this.#loaded = options.disk === undefined;
    if (!this.#loaded) for (let slot = 0; slot < SLOT_COUNT; slot++) options.ledger.hold(slot);
  }

  get isEnabled(): boolean {
    return this.#options.disk !== undefined || this.#options.backup !== undefined;
  }

  /** Slots wait for nodes, or for a backup. */
  get isRecovering(): boolean {
    return this.#recovering;
  }

  /** What is here of slots that others own may be all there is of it. */
  get mayBePrecious(): boolean {
    return this.#recovering || this.#foreign || !this.#loaded;
  }

  get lineage(): string | undefined {
    return this.#lineage;
  }

  /** What `DCS.ORIGIN` answers. */
  origin(): Origin {
    const { disk, ownership } = this.#options;
    return {
      incarnation: ownership.self?.incarnation ?? 0,
      identity: this.#identity,
      intact: disk !== undefined && disk.damaged === 0,
      loaded: this.#loaded,
      recovering: this.#recovering || !this.#loaded,
      lineage: this.#lineage,
    };
  }

  /**
   * Before this node, in the view as `joining`, goes up: finds out whether others serve already, and loads the disk. Where
   * nobody does, all slots are held.
   * @param before what the registry knew before this node joined; undefined when it did not tell
   */
  async prepare(before: View | undefined): Promise<void> {
    if (!this.isEnabled) return;
    const { disk, now, monotonic, tombstoneRetentionMs } = this.#options;
    this.#lived = (before?.epoch ?? 0) > 0;
    this.#before = new Map(before?.members.map(({ id, incarnation }) => [id, incarnation]));
    const serving = await this.#findServing();
    if (this.#closed) return;
    if (disk !== undefined) {
      // What was deleted while this disk was away may be forgotten by now: those who serve know better.
      const aliveAt = this.#identity?.aliveAt ?? Infinity;
      if (serving.length > 0 && now() - aliveAt > tombstoneRetentionMs) {
        await disk.discard();
        this.#forgetDisk();
      }
      await disk.load(this.#options.store);
      await this.#observeVersions();
    }
    if (this.#closed) return;
    this.#loaded = true;
    this.#loadedAt = monotonic();
    if (serving.length > 0) this.#join(serving);
    else this.#waitForOthers();
    this.#poll();
  }

  /** After every view. */
  viewChanged(): void {
    if (!this.isEnabled || !this.#loaded) return;
    const { ownership } = this.#options;
    for (const [id, { incarnation }] of this.#origins) {
      if (ownership.member(id)?.incarnation !== incarnation) this.#origins.delete(id);
    }
    this.#note(ownership.view);
    this.#evaluate();
  }

  /** All owners that these slots had are gone. Returns whether they are held now. */
  orphaned(slots: Iterable<number>): void {
    if (!this.isEnabled || !this.#loaded) return;
    const { ledger, monotonic, recoveryWaitMs = DEFAULT_WAIT_MS } = this.#options;
    let any = false;
    for (const slot of slots) {
      ledger.hold(slot);
      any = true;
    }
    if (!any) return;
    if (!this.#recovering) this.#deadline = monotonic() + recoveryWaitMs;
    this.#recovering = true;
    this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The nodes that serve and wait for nothing. Comes back without any when all that is in the view has said so. */
  async #findServing(): Promise<readonly Origin[]> {
    const { ownership, monotonic, timers, recoveryWaitMs = DEFAULT_WAIT_MS } = this.#options;
    for (;;) {
      const others = ownership.view.members.filter(({ id }) => id !== ownership.selfId);
      const heard = await Promise.all(others.map((member) => this.#ask(member)));
      const serving = heard.filter(
        (origin, i): origin is Origin =>
          typeof origin === 'object' && !origin.recovering && others[i]!.state !== 'joining',
      );
      if (serving.length > 0 || this.#closed) return serving;
      const silent = heard.includes('silent') && monotonic() - this.#startedAt < recoveryWaitMs;
      if (!silent) return [];
      await new Promise<void>((resolve) => timers.after(POLL_MS, resolve));
    }
  }

  /** `dead` when nobody listens there. */
  #ask({ id, incarnation }: Member): Promise<Origin | 'silent' | 'dead'> {
    const { peers } = this.#options;
    return new Promise((resolve) => {
      peers.send(id, ORIGIN_COMMAND, ORIGIN_TIMEOUT_MS, (error, reply) => {
        if (error !== null) {
          if (!(error instanceof RespError)) peers.suspect(id, error);
          return resolve(peers.isRefusing(id) ? 'dead' : 'silent');
        }
        const origin = decodeOrigin(reply);
        if (origin === undefined || origin.incarnation !== incarnation) return resolve('silent');
        this.#origins.set(id, origin);
        resolve(origin);
      });
    });
  }

  /** Others serve: what this disk has of their history, they have too. */
  #join(serving: readonly Origin[]): void {
    const lineages = serving.map(({ lineage }) => lineage ?? '').sort();
    const newest = lineages.at(-1)!;
    this.#foreign = this.#identity !== undefined && !lineages.every((lineage) => lineage === this.#identity!.lineage);
    this.#lineage = this.#foreign ? this.#identity!.lineage : newest;
    this.#releaseAll();
    this.#remember();
  }

  #releaseAll(): void {
    const { ledger, ownership } = this.#options;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (ledger.isHeld(slot)) ledger.release(slot, ownership.roleOf(slot) === NONE ? undefined : this.#others());
    }
  }

  #waitForOthers(): void {
    const { ledger, recoveryWaitMs = DEFAULT_WAIT_MS } = this.#options;
    for (let slot = 0; slot < SLOT_COUNT; slot++) ledger.hold(slot);
    this.#recovering = true;
    this.#deadline = this.#startedAt + recoveryWaitMs;
    this.#evaluate();
  }

  #poll(): void {
    if (this.#closed) return;
    const { timers } = this.#options;
    this.#cancel?.();
    this.#cancel = timers.after(this.#recovering || this.#foreign ? POLL_MS : REST_POLL_MS, () => {
      this.#cancel = undefined;
      this.#evaluate();
      if (this.#foreign && !this.#recovering) this.#offer();
      else this.#agreeOnLineage();
      this.#note(this.#options.ownership.view);
      this.#poll();
    });
  }

  /** Releases the slots of which enough is known. */
  #evaluate(): void {
    if (!this.#recovering || !this.#loaded || this.#closed) return;
    const { ownership, ledger, monotonic, backup } = this.#options;
    for (const member of ownership.view.members) {
      if (member.id === ownership.selfId || this.#origins.get(member.id)?.loaded || this.#asking.has(member.id))
        continue;
      this.#asking.add(member.id);
      void this.#ask(member).then(() => this.#asking.delete(member.id));
    }
    if (ownership.self?.state !== 'up') return;
    this.#distrustOldDisks();
    const present = this.#present();
    if (this.#mayComeWithADisk(present)) return;
    const { owners, settledEpoch } = this.#lastOwnersOf(present);
    const hasDisk = (id: string): boolean => {
      const origin = present.get(id);
      return origin?.intact === true && (origin.identity?.views.at(-1)?.epoch ?? -1) >= settledEpoch;
    };
    const isOver = monotonic() >= this.#deadline;
    // Of a member that has not said what it has it is not known either how old that is.
    const others = this.#others().filter((id) => present.has(id));
    const toRestore = new SlotSet();
    let released = false;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (!ledger.isHeld(slot)) continue;
      const had = [...owners.of(slot)];
      if (!isOver && had.some((id) => !present.has(id))) continue;
      const isOwned = ownership.roleOf(slot) !== NONE;
      if (!had.some(hasDisk)) {
        if (backup !== undefined && isOwned) {
          toRestore.add(slot);
          continue;
        }
        if (had.length > 0) this.slotsGivenUp++;
      }
      ledger.release(slot, isOwned ? others : undefined);
      released = true;
    }
    if (!toRestore.isEmpty) this.#restore(toRestore);
    if (ledger.held === 0) this.#decided(present);
    if (released) this.#options.onReleased();
  }

  /** Nobody here knows of an earlier life that the cluster had: somebody who does may be about to start. */
  #mayComeWithADisk(present: ReadonlyMap<string, Origin>): boolean {
    const { ownership, disk, monotonic, recoveryGraceMs = DEFAULT_GRACE_MS } = this.#options;
    if (disk === undefined || !this.#lived || monotonic() >= this.#deadline) return false;
    if (this.#before.size === 0 && monotonic() - this.#loadedAt >= recoveryGraceMs) return false;
    for (const [id, { identity, recovering }] of present) {
      if (identity !== undefined) return false;
      if (id !== ownership.selfId && !recovering && ownership.member(id)?.state === 'up') return false;
    }
    return !this.#allAreBack(present);
  }

  /**
   * Whoever was there in the earlier life is here as a new process: nobody is left who could know more. Members that are
   * still the same process have come as this one has, and say nothing of an earlier life.
   */
  #allAreBack(present: ReadonlyMap<string, Origin>): boolean {
    return (
      this.#before.size > 0 &&
      [...this.#before].every(([id, incarnation]) => (present.get(id)?.incarnation ?? incarnation) !== incarnation)
    );
  }

  /** This node and those that have said what they have, all of it loaded. */
  #present(): ReadonlyMap<string, Origin> {
    const { ownership } = this.#options;
    const present = new Map<string, Origin>([[ownership.selfId, this.origin()]]);
    for (const [id, origin] of this.#origins)
      if (origin.loaded && ownership.member(id) !== undefined) present.set(id, origin);
    return present;
  }

  /** Whom held slots may be imported from: everybody, but nodes whose disks are too old. */
  #others(): string[] {
    const { ownership } = this.#options;
    const oldest = this.#oldestTrusted();
    return ownership.view.members
      .map(({ id }) => id)
      .filter((id) => id !== ownership.selfId && (this.#origins.get(id)?.identity?.aliveAt ?? Infinity) >= oldest);
  }

  /** Disks that ended before this do not know of deletes that the newest one has forgotten already. */
  #oldestTrusted(): number {
    let newest = this.#identity?.aliveAt ?? -Infinity;
    for (const { identity } of this.#origins.values()) newest = Math.max(newest, identity?.aliveAt ?? -Infinity);
    return newest - this.#options.tombstoneRetentionMs;
  }

  #distrustOldDisks(): void {
    const { store } = this.#options;
    const identity = this.#identity;
    if (identity === undefined || identity.aliveAt >= this.#oldestTrusted()) return;
    const end = makeVersion(identity.aliveAt + 1, 0, 0);
    store.dropWhere((_, entry) => compareVersions(entry, end) < 0);
    this.#forgetDisk();
  }

  #forgetDisk(): void {
    this.#identity = undefined;
    this.#views = [];
  }

  /** By the disk that has seen the latest view. A disk that has not seen `settledEpoch` had not all of its slots then. */
  #lastOwnersOf(present: ReadonlyMap<string, Origin>): { readonly owners: LastOwners; readonly settledEpoch: number } {
    const oldest = this.#oldestTrusted();
    let views: readonly View[] = this.#views;
    for (const { identity } of present.values()) {
      if (identity === undefined || identity.aliveAt < oldest) continue;
      if ((identity.views.at(-1)?.epoch ?? 0) > (views.at(-1)?.epoch ?? 0)) views = identity.views;
    }
    if (this.#lastOwners?.views !== views) {
      this.#lastOwners = { views, owners: new LastOwners(views, this.#options.replicas) };
    }
    return { owners: this.#lastOwners.owners, settledEpoch: views[0]?.epoch ?? 0 };
  }

  #restore(slots: SlotSet): void {
    if (this.#restoring) return;
    const { backup, store, ledger, ownership, clock } = this.#options;
    this.#restoring = true;
    const end = (error: Error | undefined): void => {
      this.#restoring = false;
      if (this.#closed) return;
      this.restoreError = error;
      const present = this.#present();
      const { owners } = this.#lastOwnersOf(present);
      const others = this.#others().filter((id) => present.has(id));
      for (const slot of slots) {
        if (owners.of(slot).size > 0) this.slotsGivenUp++;
        ledger.release(slot, ownership.roleOf(slot) === NONE ? undefined : others);
      }
      if (ledger.held === 0) this.#decided(present);
      this.#options.onReleased();
    };
    backup!
      .restore(slots, (key, entry) => {
        store.merge(key, entry);
        clock.observe(entry);
      })
      .then(() => end(undefined), end);
  }

  /** Nothing is held any more. */
  #decided(present: ReadonlyMap<string, Origin>): void {
    const { ownership, now } = this.#options;
    this.#recovering = false;
    const known = [...present.values()].map(({ identity, lineage }) => lineage ?? identity?.lineage ?? '').sort();
    const newest = this.#lineage ?? known.at(-1)!;
    const gaveUp = this.slotsGivenUp > this.#givenUpBefore;
    this.#givenUpBefore = this.slotsGivenUp;
    this.#lineage = gaveUp || newest === '' ? newLineage(now(), ownership.selfId) : newest;
    this.#foreign =
      this.#identity !== undefined &&
      [...present].some(
        ([id, { recovering, lineage }]) =>
          id !== ownership.selfId && !recovering && lineage !== undefined && lineage !== this.#lineage,
      );
    this.#remember();
  }

  /** Has the others take what this disk has of their slots; then it is one of them. */
  #offer(): void {
    const { ownership, peers, store } = this.#options;
    const { epoch } = ownership;
    if (this.#toldEpoch !== epoch) {
      this.#toldEpoch = epoch;
      this.#told = new Set();
    }
    const others = ownership.up.filter(({ id }) => id !== ownership.selfId);
    if (others.every(({ id }) => this.#told.has(id))) {
      this.#foreign = false;
      return;
    }
    for (const { id } of others) {
      if (this.#told.has(id) || this.#asking.has(id)) continue;
      const slots = SlotSet.of([...ownership.table.ownedSlots(id)].filter((slot) => store.heldIn(slot) > 0));
      this.#asking.add(id);
      peers.send(id, encodeSync(epoch, ownership.selfId, slots), SYNC_TIMEOUT_MS, (error) => {
        this.#asking.delete(id);
        if (error === null && this.#toldEpoch === epoch) this.#told.add(id);
      });
    }
  }

  /** The newest lineage is everybody's in the end: what it stands for has been merged by then. */
  #agreeOnLineage(): void {
    const { ownership, ledger } = this.#options;
    if (this.#recovering || ledger.unsettled > 0) return;
    const { epoch } = ownership;
    if (this.#agreedEpoch !== epoch) {
      this.#agreedEpoch = epoch;
      this.#agreed = new Set();
    }
    const others = ownership.up.filter(({ id }) => id !== ownership.selfId && !this.#agreed.has(id));
    for (const other of others.slice(0, MAX_ASKED_AT_ONCE)) {
      void this.#ask(other).then((origin) => {
        if (typeof origin !== 'object' || origin.recovering || origin.lineage === undefined) return;
        if (this.#lineage !== undefined && origin.lineage > this.#lineage) {
          this.#lineage = origin.lineage;
          this.#agreed = new Set(); // who has asked before has an older one
          this.#remember();
        } else if (origin.lineage === this.#lineage) {
          this.#agreed.add(other.id);
        }
      });
    }
  }

  /** Keeps the view for the next start. */
  #note(view: View): void {
    const { ledger, ownership } = this.#options;
    if (this.#recovering || this.#lineage === undefined || ownership.self?.state !== 'up') return;
    const isWhole = ledger.unsettled === 0;
    const last = this.#views.at(-1);
    if (last?.epoch === view.epoch && (!isWhole || this.#views.length === 1)) return;
    const before = last?.epoch === view.epoch ? this.#views.slice(0, -1) : this.#views;
    const views = isWhole ? [view] : [...before, view];
    this.#views = views.length > MAX_VIEWS ? [views[0]!, ...views.slice(1 - MAX_VIEWS)] : views;
    this.#remember();
  }

  #remember(): void {
    if (this.#lineage !== undefined) this.#options.disk?.remember(this.#lineage, this.#views);
  }

  /** The clock goes past everything that was on the disk. */
  async #observeVersions(): Promise<void> {
    const { store, clock, timers } = this.#options;
    let cursor: string | undefined = '0';
    do {
      cursor = store.scanAll(cursor, SCAN_VISITS, (_, entry) => {
        clock.observe(entry);
        return true;
      });
      await new Promise<void>((resolve) => timers.after(0, resolve));
    } while (cursor !== undefined && cursor !== '0');
  }
}

function newLineage(now: number, id: string): string {
  return `${String(Math.floor(now)).padStart(LINEAGE_DIGITS, '0')}-${id}`;
}
