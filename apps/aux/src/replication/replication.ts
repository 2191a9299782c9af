import type { View } from '@dcs/cluster-membership';
import { SLOT_COUNT } from '@dcs/consistent-hash';
import type { HybridClock, OperationRecord, SlotSet } from '@dcs/protocol';
import type { Entry } from '../node/entry.js';
import { NONE, type Ownership } from '../node/ownership.js';
import type { NodeBackup, NodeDisk, PeerTransport, Timers } from '../node/ports.js';
import type { Store } from '../node/store.js';
import type { ViewRefresh } from '../node/view-refresh.js';
import type { Writer } from '../node/writer.js';
import { AntiEntropy } from './handoff/anti-entropy.js';
import type { Effect } from './copies/effect.js';
import { Traces } from './slots/traces.js';
import { ReadRepair } from './handoff/read-repair.js';
import { Hints } from './copies/hints.js';
import { Importer } from './handoff/importer.js';
import { Peers } from './peers/peers.js';
import { PendingKeys } from './copies/pending-keys.js';
import { Preparation } from './handoff/preparation.js';
import { ReadGrants } from './reads/read-grants.js';
import { ReadLeases } from './reads/read-leases.js';
import { Recovery } from './recovery/recovery.js';
import type { RecoveryTuning } from './recovery/recovery-options.js';
import { type CopyOutcome, Replicator } from './copies/replicator.js';
import { CopyRelease } from './handoff/copy-release.js';
import { SlotLedger } from './slots/slot-ledger.js';
import { StaleCopies } from './slots/stale-copies.js';
import { ViewChanges } from './slots/view-changes.js';

export interface ReplicationTuning extends RecoveryTuning {
  /** @defaultValue 250 */
  readonly replicaTimeoutMs?: number;
  /** @defaultValue 64 MiB/s */
  readonly importBytesPerSecond?: number;
  /** @defaultValue 5000 */
  readonly antiEntropyIntervalMs?: number;
  /** How long a copy of a slot is kept after all its owners have theirs. @defaultValue 5000 */
  readonly releaseGraceMs?: number;
}

export interface ReplicationOptions extends ReplicationTuning {
  readonly ownership: Ownership;
  readonly store: Store;
  readonly writer: Writer;
  readonly clock: HybridClock;
  readonly refresh: ViewRefresh;
  readonly replicas: number;
  readonly timers: Timers;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly isLagging: () => boolean;
  /** This node may have been expelled. */
  readonly isFenced: () => boolean;
  readonly transport: PeerTransport;
  /** Wall clock, ms since the Unix epoch. */
  readonly now: () => number;
  readonly tombstoneRetentionMs: number;
  readonly disk: NodeDisk | undefined;
  readonly backup: NodeBackup | undefined;
}

/** `undurable`: it could not be written to this node's disk. */
export type WriteOutcome = CopyOutcome | 'undurable';

/** What became of a copy that another node sent. */
export type CopyReceipt = 'taken' | 'full' | 'invalid' | { readonly staleView: number };

/**
 * This node as one of several: who owns what in the present view, copies of writes to the other owners, imports of
 * slots that are new here, and copies kept for others. docs/replication.md tells the whole.
 */
export class Replication {
  readonly ledger = new SlotLedger();
  readonly pending = new PendingKeys();
  readonly peers: Peers;
  readonly replicator: Replicator;
  readonly readRepair: ReadRepair;
  readonly preparation: Preparation;
  readonly importer: Importer;
  readonly hints: Hints;
  readonly antiEntropy: AntiEntropy;
  readonly copyRelease: CopyRelease;
  readonly readGrants: ReadGrants;
  readonly readLeases: ReadLeases;
  readonly recovery: Recovery;
  readonly #viewChanges: ViewChanges;
  readonly #options: ReplicationOptions;
  readonly #staleCopies: StaleCopies;
  #closed = false;
  /** This process was in a view. */
  #wasMember = false;
  #effects: Effect[] = [];
  /** The command just run has written what nobody else is to have. */
  #unsaved = false;

  constructor(options: ReplicationOptions) {
    this.#options = options;
    const { ownership, store, clock, refresh, timers, monotonic, random, isLagging, transport } = options;
    const { ledger } = this;
    const { dedup } = options.writer;
    const staleCopies = new StaleCopies(
      store,
      (key) => this.hints.has(key),
      (key) => this.pending.has(key),
    );
    this.#staleCopies = staleCopies;
    options.writer.onApplied = (key, entry, operation) => {
      staleCopies.arrived(key, entry);
      if (ownership.isAlone(entry.slot)) this.#unsaved = options.disk !== undefined;
      else if (options.disk !== undefined || ownership.table.ownersOf(entry.slot).length > 1)
        this.#effects.push({ key, entry, operation });
    };
    const traces = new Traces({
      ...{ store, ledger, monotonic, disk: options.disk },
      isAnyBehindOn: (slot) => ownership.table.ownersOf(slot).some((id) => this.antiEntropy.isBehindOn(id, slot)),
    });
    const peers = new Peers({
      selfId: ownership.selfId,
      transport,
      timers,
      onHealed: (id) => this.antiEntropy.healed(id),
    });
    this.peers = peers;
    this.readGrants = new ReadGrants({
      ownership,
      peers,
      monotonic,
      isBehind: (id) => peers.isSuspect(id) || this.antiEntropy.isBehind(id),
      tell: (id) => this.antiEntropy.healed(id),
    });
    this.readLeases = new ReadLeases({ ownership, peers, refresh, timers, monotonic, isLagging });
    this.replicator = new Replicator({
      ownership,
      peers,
      refresh,
      timers,
      monotonic,
      isLagging,
      onMissed: (owner, key, entry) => {
        traces.missed(key, entry);
        this.antiEntropy.missed(owner, entry.slot);
      },
      readableMs: (owners, holders) => this.readGrants.outstandingMs(owners, holders),
      ...given('replicaTimeoutMs', options.replicaTimeoutMs),
    });
    this.readRepair = new ReadRepair({ staleCopies, ownership, ledger, peers, store, dedup });
    this.preparation = new Preparation({
      ...{ ownership, ledger, store, dedup, readRepair: this.readRepair, pending: this.pending },
      copy: (effect, done) => this.copy([effect], (outcome) => done(outcome !== 'failed')),
    });
    this.hints = new Hints({ ownership, peers, store, timers });
    this.#viewChanges = new ViewChanges({
      ...{ ownership, ledger, dedup, clock, staleCopies, replicas: options.replicas, disk: options.disk },
      keepsAll: () => this.recovery.keepsAll,
    });
    this.importer = new Importer({
      ownership,
      ledger,
      peers,
      store,
      dedup,
      clock,
      timers,
      random,
      staleCopies,
      isBehindOn: (id, slot) => this.antiEntropy.isBehindOn(id, slot),
      whenDurable: (done) => this.whenDurable(done),
      ...given('bytesPerSecond', options.importBytesPerSecond),
    });
    this.antiEntropy = new AntiEntropy({
      ownership,
      ledger,
      peers,
      store,
      timers,
      onTurn: () => traces.review(),
      onDiffering: (peer, slots) => this.compareWith(peer, slots),
      ...given('intervalMs', options.antiEntropyIntervalMs),
    });
    this.copyRelease = new CopyRelease({
      ownership,
      peers,
      store,
      hints: this.hints,
      timers,
      monotonic,
      isPaused: () => this.recovery.mayBePrecious,
      ...given('graceMs', options.releaseGraceMs),
    });
    this.recovery = new Recovery({
      ...options,
      ledger,
      peers,
      dedup,
      onReleased: () => this.importer.wake(),
      onReturned: (isStale) => {
        if (!isStale) staleCopies.clear();
      },
    });
  }

  /** See {@link ViewChanges.beganAt}. */
  get beganAt(): number {
    return this.#viewChanges.beganAt;
  }

  start(): void {
    this.antiEntropy.start();
    this.copyRelease.start();
  }

  close(): void {
    this.#closed = true;
    this.readLeases.close();
    this.recovery.close();
    this.importer.close();
    this.antiEntropy.close();
    this.copyRelease.close();
    this.hints.close();
    this.peers.close();
  }

  /** The registry had expelled this node: in the next view that has it, it begins anew. */
  readmitted(): void {
    const { ownership } = this.#options;
    this.#viewChanges.readmitted();
    // The view comes right after this, unless another member has passed it on already.
    queueMicrotask(() => {
      if (this.#viewChanges.isReadmitted && ownership.self !== undefined) this.applyView(ownership.view);
    });
    this.recovery.readmitted();
  }

  /**
   * This node is in the view and was not before, or it was fenced when it learnt of the view: it may have been expelled
   * and taken in again in between, which only the registry knows.
   */
  #mayHaveBeenOut(before: View, now: View): boolean {
    const { ownership, isFenced } = this.#options;
    const isIn = ({ members }: View): boolean => members.some(({ id }) => id === ownership.selfId);
    return this.#wasMember && isIn(now) && (!isIn(before) || (now.epoch > before.epoch && isFenced()));
  }

  /** Takes a view: begins to import the slots that are new here. */
  applyView(view: View): void {
    const { ownership } = this.#options;
    if (this.#closed || view.epoch < ownership.epoch) return;
    const before = ownership.view;
    if (this.#mayHaveBeenOut(before, view)) {
      this.#viewChanges.readmitted();
      this.recovery.readmitted();
    }
    const ownerless = this.#viewChanges.apply(view);
    this.#wasMember ||= ownership.self !== undefined;
    const alive = (id: string): boolean => ownership.member(id) !== undefined;
    this.peers.apply(view);
    this.antiEntropy.retain(alive);
    this.readLeases.retain(alive);
    this.recovery.orphaned([...ownerless, ...this.ledger.retainSources(alive)]);
    this.recovery.viewChanged(before);
    this.importer.wake();
  }

  /** Calls back when all that is in the store is as safe as this node's disk makes it; at once without a disk. */
  whenDurable(done: (error: Error | undefined) => void): void {
    const { disk } = this.#options;
    if (disk === undefined) done(undefined);
    else disk.whenDurable(done);
  }

  /** See `NodeDisk.commit`. */
  get commit(): object | undefined {
    return this.#options.disk?.commit;
  }

  /** Why this node takes no writes at present. */
  get writeRefusal(): string | undefined {
    return this.#options.disk?.refusal;
  }

  /** Copies what a client's write did, and sees it onto the disk, before it is acknowledged. */
  copy(effects: readonly Effect[], done: (outcome: WriteOutcome) => void): void {
    let outstanding = effects.length;
    let worst: WriteOutcome = 'copied';
    if (this.#options.disk !== undefined && effects.length > 0) {
      outstanding++;
      this.whenDurable((error) => {
        if (error !== undefined) worst = 'undurable';
        if (--outstanding === 0) done(worst);
      });
    }
    for (const effect of effects) {
      if (this.#options.ownership.isAlone(effect.entry.slot)) {
        if (--outstanding === 0) done(worst);
        continue;
      }
      this.pending.begin(effect.key);
      this.replicator.replicate(effect, (outcome) => {
        const newest = this.#options.store.lookup(effect.key) === effect.entry;
        this.pending.end(effect, outcome !== 'failed', newest);
        if (worst !== 'undurable' && (outcome === 'failed' || (outcome === 'moved' && worst === 'copied')))
          worst = outcome;
        if (--outstanding === 0) done(worst);
      });
    }
    if (effects.length === 0) done('copied');
  }

  /** What the command just run has written to slots that others own too; `undefined` for nothing. */
  takeEffects(): readonly Effect[] | undefined {
    if (this.#effects.length === 0) return undefined;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Whether the command just run has written to slots that nobody else owns, and which the disk does not have yet. */
  takeUnsaved(): boolean {
    const unsaved = this.#unsaved;
    this.#unsaved = false;
    return unsaved;
  }

  /** Takes a copy from another node. */
  take(epoch: number, key: string, entry: Entry, operation: OperationRecord | undefined, sender: string): CopyReceipt {
    const { ownership, refresh, store, writer, clock } = this.#options;
    if (epoch < this.ledger.changedAt[entry.slot]!) return { staleView: ownership.epoch };
    if (refresh.needed(epoch)) void refresh.until(epoch);
    const isHint = ownership.roleOf(entry.slot) === NONE;
    if (isHint && this.hints.isFull) return 'full';
    const outcome = store.merge(key, entry);
    if (outcome === 'too-large') return 'full';
    if (outcome === 'invalid') return 'invalid';
    clock.observe(entry); // what is marked as of before goes by it
    if (outcome === 'applied' && !isHint) this.#staleCopies.arrived(key, entry);
    const taken = isHint ? store.lookup(key) : undefined;
    if (taken !== undefined) this.hints.add(key, { entry: taken, sender, epoch, operation });
    if (operation !== undefined) writer.dedup.record(key, entry.slot, entry, operation);
    return 'taken';
  }

  /** Another owner says that these slots may differ, or this node does: compares, takes what is missing. */
  compareWith(peer: string, slots: SlotSet): void {
    const { ownership } = this.#options;
    if (ownership.member(peer) === undefined) return;
    for (const slot of slots) if (ownership.roleOf(slot) !== NONE) this.ledger.addSource(slot, peer);
    this.importer.wake();
  }

  /** This process did not run for a while: others may have written for it. Compares all its slots with their owners. */
  wokeUp(): void {
    const { ownership } = this.#options;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (ownership.roleOf(slot) === NONE) continue;
      for (const id of ownership.table.ownersOf(slot)) {
        if (id !== ownership.selfId) this.ledger.addSource(slot, id);
      }
    }
    this.importer.wake();
  }
}

/** An option, if it is given: with exact optional types `undefined` is not the same as absent. */
function given<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]: V });
}
