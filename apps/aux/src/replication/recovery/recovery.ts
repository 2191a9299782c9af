import type { View } from '@dcs/cluster-membership';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import { compareVersions, makeVersion, SlotSet } from '@dcs/protocol';
import type { DiskIdentity } from '../../node/ports.js';
import { NONE } from '../../node/ownership.js';
import { decide, type SlotFacts } from './decide.js';
import { FormerOwners } from './former-owners.js';
import { History } from './history.js';
import { observeVersions } from './observe-versions.js';
import { NotedViews } from './noted-views.js';
import type { Origin } from './origin.js';
import { Origins } from './origins.js';
import { OutdatedDisk } from './outdated-disk.js';
import type { RecoveryOptions } from './recovery-options.js';
import { RestoreDuty } from './restore-duty.js';
import { SlotRestore } from './slot-restore.js';

const DEFAULT_WAIT_MS = 30_000;
const DEFAULT_GRACE_MS = 3000;
const POLL_MS = 100;
const REST_POLL_MS = 1000;

/**
 * Finds the data again after more has gone than replication covers: every node was down at once, or all owners of a
 * slot. Slots are *blocked* (nothing is said of them) until all nodes that owned them last are back with what their disks
 * have, or a time is over; what no disk has comes from a backup. docs/recovery.md tells the whole.
 *
 * A node that was expelled and returns is as one that starts with its memory for a disk. Without a disk and without a
 * backup nothing else is waited for than expelled nodes that may live.
 */
export class Recovery {
  /** Slots that were given up: none of the nodes that owned them last came back with its disk. */
  slotsGivenUp = 0;
  readonly #options: RecoveryOptions;
  readonly #origins: Origins;
  readonly #history: History;
  /** Of {@link slotsGivenUp}, those of before this recovery. */
  #givenUpBefore = 0;
  #identity: DiskIdentity | undefined;
  #loaded: boolean;
  #loadedAt = Infinity;
  /** The cluster had members before this node joined: their incarnations, by id. Empty when all had left. */
  #before: ReadonlyMap<string, number> | undefined;
  #recovering = false;
  /** This node was expelled, is in the view again, and does not know yet what the others have. */
  #returning = false;
  /** Wall clock when this node was last in the view. */
  #inViewAt: number;
  readonly #former: FormerOwners;
  readonly #duty: RestoreDuty;
  readonly #restore: SlotRestore;
  /** Monotonic time at which waiting for missing nodes ends. */
  #deadline = Infinity;
  readonly #views: NotedViews;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#inViewAt = options.now();
    this.#identity = options.disk?.identity;
    this.#views = new NotedViews(this.#identity?.views ?? []);
    this.#loaded = options.disk === undefined;
    this.#former = new FormerOwners(options);
    this.#restore = new SlotRestore({
      ...options,
      isExpected: () => this.#before !== undefined && options.monotonic() < this.#deadline,
      onRestored: (slots) => this.#restored(slots),
    });
    this.#duty = new RestoreDuty(options.ownership, options.ledger);
    this.#origins = new Origins({
      ...options,
      aliveAgeMs: options.disk?.aliveAgeMs ?? 0,
      own: () => this.origin(),
    });
    this.#history = new History({ ...options, origins: this.#origins, onChange: () => this.#remember() });
    if (!this.#loaded) this.#blockAll();
  }

  /** The last restore from a backup that failed. */
  get restoreError(): Error | undefined {
    return this.#restore.error;
  }

  get isEnabled(): boolean {
    return this.#options.disk !== undefined || this.#options.backup !== undefined;
  }

  /** Slots wait for nodes, or for a backup. */
  get isRecovering(): boolean {
    return this.#recovering;
  }

  /** This node was expelled, is in the view again, and asks the others what they have. */
  get isReturning(): boolean {
    return this.#returning;
  }

  /** What is here of slots that others own may be all there is of it. */
  get mayBePrecious(): boolean {
    return this.keepsAll || this.#returning || this.#options.ownership.self === undefined;
  }

  /** Nothing that is here counts as old. */
  get keepsAll(): boolean {
    return this.#recovering || this.#history.isForeign || !this.#loaded;
  }

  get historyId(): string | undefined {
    return this.#history.current;
  }

  /** What `DCS.ORIGIN` answers. */
  origin(): Origin {
    const { disk, ownership } = this.#options;
    return {
      incarnation: ownership.self?.incarnation ?? 0,
      identity: this.#identity,
      intact: disk !== undefined && disk.damaged === 0,
      loaded: this.#loaded,
      recovering: this.#recovering || this.#returning || !this.#loaded,
      historyId: this.historyId,
    };
  }

  /**
   * Before this node, in the view as `joining`, goes up: finds out whether others serve already, and loads the disk. Where
   * nobody does, all slots are blocked.
   * @param before what the registry knew before this node joined; undefined when it did not tell
   */
  async prepare(before: View | undefined): Promise<void> {
    if (!this.isEnabled) return;
    const { disk, store, clock, timers, now, monotonic, tombstoneRetentionMs } = this.#options;
    if (before !== undefined && before.epoch > 0) {
      this.#before = new Map(before.members.map(({ id, incarnation }) => [id, incarnation]));
    }
    const serving = await this.#findServing(this.#options.monotonic());
    if (this.#closed) return;
    if (disk !== undefined) {
      // What was deleted while this disk was away may be forgotten by now: those who serve know better.
      const aliveAt = this.#identity?.aliveAt ?? Infinity;
      if (serving.length > 0 && now() - aliveAt > tombstoneRetentionMs) {
        await disk.discard();
        this.#forgetDisk();
      }
      await disk.load(store);
      await observeVersions(store, clock, timers);
    }
    if (this.#closed) return;
    this.#loaded = true;
    this.#loadedAt = monotonic();
    if (serving.length > 0) this.#join(serving);
    else this.#waitForOthers();
    this.#poll();
  }

  /** After every view. */
  viewChanged(before: View): void {
    const { ownership, now } = this.#options;
    this.#former.follow(before, ownership.view);
    if (ownership.self !== undefined && !this.#returning) this.#inViewAt = now();
    if (!this.#loaded) return;
    this.#origins.retain();
    this.#note(ownership.view);
    this.#evaluate();
  }

  /**
   * This node was expelled, and the next view, or this one, has it again. The others may have written to its slots, or
   * may never have had what it holds: all slots are blocked until they have said which.
   */
  readmitted(): void {
    if (!this.#loaded || this.#returning) return; // it is about to ask them anyway
    this.#returning = true;
    this.#blockAll();
    void Promise.resolve().then(() => this.#return());
  }

  /** All owners that these slots had are gone: they are blocked from now on. */
  orphaned(slots: readonly number[]): void {
    if (!this.#loaded || slots.length === 0) return;
    const { ledger, dedup, monotonic, recoveryWaitMs = DEFAULT_WAIT_MS } = this.#options;
    for (const slot of slots) {
      ledger.block(slot);
      dedup.lose(slot);
    }
    if (!this.#recovering) this.#deadline = monotonic() + recoveryWaitMs;
    this.#recovering = true;
    this.#duty.update(this.#origins.present());
    this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#former.close();
    this.#restore.close();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The nodes that serve and wait for nothing. Comes back without any when all that is in the view has said so. */
  async #findServing(since: number): Promise<readonly Origin[]> {
    const { ownership, monotonic, timers, recoveryWaitMs = DEFAULT_WAIT_MS } = this.#options;
    for (;;) {
      const others = ownership.view.members.filter(({ id }) => id !== ownership.selfId);
      const heard = await Promise.all(others.map((member) => this.#origins.ask(member)));
      const serving = heard.filter(
        (origin, i): origin is Origin =>
          typeof origin === 'object' && !origin.recovering && others[i]!.state !== 'joining',
      );
      if (serving.length > 0 || this.#closed) return serving;
      const silent = heard.includes('silent') && monotonic() - since < recoveryWaitMs;
      if (!silent) return [];
      await new Promise<void>((resolve) => timers.after(POLL_MS, resolve));
    }
  }

  async #return(): Promise<void> {
    const { store, dedup, ownership, now, monotonic, tombstoneRetentionMs, onReturned, onReleased } = this.#options;
    const since = monotonic();
    const serving = await this.#findServing(since);
    if (this.#closed) return;
    this.#returning = false;
    this.#loadedAt = since;
    if (serving.length === 0) {
      const isAlone = ownership.view.members.every(({ id }) => id === ownership.selfId);
      onReturned(false);
      if (isAlone) this.#releaseAll([]);
      else this.#waitForOthers();
    } else {
      // As with a disk that was away: what was deleted meanwhile may be forgotten by now.
      if (now() - this.#inViewAt > tombstoneRetentionMs) store.dropWhere(() => true);
      const historyId = this.#history.current ?? '';
      this.#history.join({ historyId, aliveAt: this.#inViewAt, views: this.#views.all }, serving);
      const isStale = !this.#history.isForeign;
      if (isStale) dedup.clear(); // what this node did last, and could not copy, has not happened for the others
      onReturned(isStale);
      this.#releaseAll(this.#origins.sources(this.#origins.present()));
    }
    this.#inViewAt = now();
    onReleased();
    this.#poll();
  }

  /** Others serve: what this disk has of their history, they have too. */
  #join(serving: readonly Origin[]): void {
    this.#history.join(this.#identity, serving);
    this.#releaseAll(this.#origins.sources(this.#origins.present()));
  }

  #releaseAll(sources: readonly string[]): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#release(slot, sources);
  }

  #waitForOthers(): void {
    const { dedup, recoveryWaitMs = DEFAULT_WAIT_MS } = this.#options;
    this.#blockAll();
    dedup.loseAll();
    this.#recovering = true;
    this.#deadline = this.#loadedAt + recoveryWaitMs;
    this.#evaluate();
  }

  #blockAll(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#options.ledger.block(slot);
  }

  #release(slot: number, sources: readonly string[]): void {
    const { ledger, ownership } = this.#options;
    ledger.unblock(slot, ownership.roleOf(slot) === NONE ? undefined : sources);
  }

  #poll(): void {
    if (this.#closed) return;
    const { timers, ledger, ownership } = this.#options;
    this.#cancel?.();
    this.#cancel = timers.after(this.#recovering || this.#history.isForeign ? POLL_MS : REST_POLL_MS, () => {
      this.#cancel = undefined;
      this.#evaluate();
      if (!this.#recovering) {
        if (this.#history.isForeign) this.#history.offer();
        else if (ledger.unsynced === 0) this.#history.agree();
      }
      this.#note(ownership.view);
      this.#poll();
    });
  }

  /** Releases the slots of which enough is known. */
  #evaluate(): void {
    if (!this.#recovering || this.#returning || !this.#loaded || this.#closed) return;
    const { ownership, ledger, monotonic, disk, store } = this.#options;
    this.#origins.askMissing();
    this.#former.ask();
    if (ownership.self?.state !== 'up') return;
    this.#distrustOldDisk();
    const present = this.#origins.present();
    this.#duty.update(present);
    if (this.#mayComeWithADisk(present)) return;
    const last = this.#origins.lastOwners(this.#views.all, present);
    const { owners, inSyncEpoch } = last;
    const ownDisk = new OutdatedDisk(ownership.selfId, present, last, disk?.aliveAgeMs ?? 0);
    const replaced = new SlotSet();
    const hasDisk = (id: string): boolean => {
      const origin = present.get(id);
      return origin?.intact === true && (origin.identity?.views.at(-1)?.epoch ?? -1) >= inSyncEpoch;
    };
    const isOver = monotonic() >= this.#deadline;
    const isAwaited = (id: string): boolean => {
      if (present.has(id)) return false;
      if (this.#origins.isLoading(id) || this.#former.answers(id)) return true;
      return !isOver && (this.isEnabled || this.#former.mayLive(id));
    };
    const sources = this.#origins.sources(present);
    const isAnyAwaited = [...owners.members].some(isAwaited);
    const toRestore = new SlotSet();
    let released = false;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (!ledger.isBlocked(slot) || this.#restore.has(slot)) continue;
      const had = [...owners.of(slot)];
      const facts = had.map((id) => ({
        hasLivedOn: id !== ownership.selfId && owners.ownedFirst(slot, id, present.get(id)?.incarnation ?? -1),
        hasDisk: hasDisk(id),
        isAwaited: isAwaited(id),
      }));
      const decision = decide({ owners: facts, isAnyAwaited, backup: this.#backupOf(slot, present) });
      if (decision === 'wait') continue;
      if (decision === 'restore') {
        toRestore.add(slot);
        continue;
      }
      if (decision === 'give-up' && had.length > 0) this.slotsGivenUp++;
      if (ownDisk.isReplacedBy(had.filter(hasDisk))) replaced.add(slot);
      this.#release(slot, sources);
      released = true;
    }
    ownDisk.drop(store, replaced);
    if (!toRestore.isEmpty) this.#restore.start(toRestore);
    if (ledger.blocked === 0) this.#decided(present);
    if (released) this.#options.onReleased();
  }

  /** Who looks for a slot in the backup. */
  #backupOf(slot: number, present: ReadonlyMap<string, Origin>): SlotFacts['backup'] {
    if (this.#options.backup === undefined) return undefined;
    if (this.#duty.isUnsure(slot, present)) return 'unsure';
    return this.#duty.has(slot) ? 'own' : 'others';
  }

  /** Nobody here knows of an earlier life that the cluster had: somebody who does may be about to start. */
  #mayComeWithADisk(present: ReadonlyMap<string, Origin>): boolean {
    const { ownership, disk, monotonic, recoveryGraceMs = DEFAULT_GRACE_MS } = this.#options;
    const before = this.#before;
    if (disk === undefined || before === undefined || monotonic() >= this.#deadline) return false;
    if (before.size === 0 && monotonic() - this.#loadedAt >= recoveryGraceMs) return false;
    for (const [id, { identity, recovering }] of present) {
      if (identity !== undefined) return false;
      if (id !== ownership.selfId && !recovering && ownership.member(id)?.state === 'up') return false;
    }
    // Whoever was there is here as a new process: nobody is left who could know more. Members that are still the same
    // process have come as this one has, and say nothing of an earlier life.
    const isBack = ([id, incarnation]: readonly [string, number]): boolean =>
      (present.get(id)?.incarnation ?? incarnation) !== incarnation;
    return before.size === 0 || ![...before].every(isBack);
  }

  /** What others have forgotten that it was deleted, this disk may still have. */
  #distrustOldDisk(): void {
    const { store, now, tombstoneRetentionMs } = this.#options;
    const identity = this.#identity;
    if (identity === undefined || identity.aliveAt >= this.#origins.oldestTrusted()) return;
    // Not by `aliveAt`: the disk was written to after that was. Of what is newer than this, deletes are remembered.
    const end = makeVersion(now() - tombstoneRetentionMs, 0, 0);
    store.dropWhere((_, entry) => compareVersions(entry, end) < 0);
    this.#forgetDisk();
  }

  #forgetDisk(): void {
    this.#identity = undefined;
    this.#views.clear();
  }

  #restored(slots: SlotSet): void {
    const { ledger } = this.#options;
    const present = this.#origins.present();
    const { owners } = this.#origins.lastOwners(this.#views.all, present);
    const sources = this.#origins.sources(present);
    for (const slot of slots) {
      if (owners.of(slot).size > 0) this.slotsGivenUp++;
      this.#release(slot, sources);
    }
    if (ledger.blocked === 0) this.#decided(present);
    this.#options.onReleased();
  }

  /** Nothing is blocked any more. */
  #decided(present: ReadonlyMap<string, Origin>): void {
    this.#recovering = false;
    const gaveUp = this.slotsGivenUp > this.#givenUpBefore;
    this.#givenUpBefore = this.slotsGivenUp;
    if (!this.isEnabled && !gaveUp) return;
    this.#history.decide(this.#identity, present, gaveUp);
  }

  /** Keeps the view for the next start. */
  #note(view: View): void {
    const { ledger, ownership } = this.#options;
    if (this.#recovering || this.#returning || ownership.self?.state !== 'up') return;
    if (this.isEnabled && this.historyId === undefined) return;
    if (this.#views.note(view, ledger.unsynced === 0)) this.#remember();
  }

  #remember(): void {
    if (this.historyId !== undefined) this.#options.disk?.remember(this.historyId, this.#views.all);
  }
}
