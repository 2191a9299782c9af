import { EventEmitter } from 'node:events';
import { historyOf } from './epoch.js';
import {
  MembershipError,
  type MemberSupersededError,
  checkFields,
  invalid,
  isMembershipError,
  isSuperseded,
} from './errors.js';
import { Fence } from './fence.js';
import {
  EMPTY_VIEW,
  type Member,
  type MemberState,
  type View,
  checkInteger,
  checkedMember,
  freezeView,
  sameView,
} from './member.js';
import { EVENTS, type MembershipEvents } from './membership-events.js';
import type { HeartbeatResult } from './registry.js';
import { type CheckedOptions, type ClusterMembershipOptions, checkedOptions } from './membership-options.js';
import type { ProbeAnswer } from './peer-access.js';
import { Witness } from './witness.js';

const JITTER = 0.1;
/** After a failure the next heartbeat comes so much sooner. */
const RETRY_SHARE = 4;
const FIRST_BACKOFF_MS = 50;
/** Spreads the reads of many processes after one change. */
const HINT_SPREAD_MS = 20;
/** Members asked for a newer view when the registry did not answer `refresh()`. */
const PEERS_ASKED = 3;

type Phase = 'idle' | 'running' | 'closed';

/**
 * One process's part in a cluster. A member (`self` given) sends heartbeats; an observer reads. Both hold the latest
 * view they were given and, fail-static, keep it while the registry is out of reach, wiped or rolled back: the epoch
 * of `view` never goes down, and a view is replaced only by one of a higher epoch.
 */
export class ClusterMembership {
  readonly #options: CheckedOptions;
  readonly #events = new EventEmitter();
  #self: Member | undefined;
  #view: View | undefined;
  #phase: Phase = 'idle';
  #superseded = false;
  #leaving: Promise<void> | undefined;
  #starting: Promise<View> | undefined;
  #reachable = false;
  #damped = false;
  #lastHeartbeatAt: number | undefined;
  /** Epoch of the view that the last heartbeat brought. */
  #renewedEpoch: number | undefined;
  readonly #witness: Witness;
  readonly #fence: Fence | undefined;
  /** Ids of members that the registry has not heard for a while, as of the last heartbeat. */
  #overdue: readonly string[] = [];
  #testifying = false;
  #timer: unknown;
  #exchange: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<View> | undefined;
  /** The read that `refresh()` calls share has been sent. */
  #reading = false;
  #hinted = false;
  #lastRefreshAt = -Infinity;
  #unsubscribe: (() => Promise<void>) | undefined;
  #subscribing = false;
  readonly #waits = new Map<unknown, () => void>();

  constructor(options: ClusterMembershipOptions) {
    this.#options = checkedOptions(options);
    this.#self = this.#options.self;
    const { peers, isLagging, leaseMs, timers, monotonic, self } = this.#options;
    const { probe } = peers;
    this.#witness = new Witness({ probe, isLagging });
    if (self === undefined || probe === undefined) return;
    const onNewer = (peer: Member): void => void this.#askForView(peer).catch(() => undefined);
    this.#fence = new Fence({ leaseMs, timers, monotonic, probe, onNewer, selfId: self.id, view: () => this.view });
  }

  /** The latest view; the empty one of epoch 0 before the first. */
  get view(): View {
    return this.#view ?? EMPTY_VIEW;
  }

  /** This member's record with its incarnation; undefined for an observer. */
  get self(): Member | undefined {
    return this.#self;
  }

  /** False before the first answer and after a failed exchange. */
  get registryReachable(): boolean {
    return this.#reachable;
  }

  /** The registry holds a lease for this member but keeps it out of the view because it flapped. */
  get damped(): boolean {
    return this.#damped;
  }

  /**
   * This member has heard neither the registry nor more than half of its view for so long that it may have been expelled:
   * it is to serve nobody. Always false without `peers.probe`. O(1).
   */
  get isFenced(): boolean {
    return this.#fence?.isFenced ?? false;
  }

  /** Ids of members in the view that the registry has not heard for more than half of their lease, sorted. */
  get overdue(): readonly string[] {
    return this.#overdue;
  }

  /** What this member answers another member's probe. `id` and `incarnation` are of the one who asks. */
  answerProbe(id: string, incarnation: number): ProbeAnswer {
    const { epoch } = this.view;
    if (this.#witness.accuses(id, incarnation)) return { state: 'accusing', epoch };
    return { state: this.isFenced || this.#phase !== 'running' ? 'fenced' : 'serving', epoch };
  }

  /** Another process took this member's id: its heartbeats have ended for good. */
  get superseded(): boolean {
    return this.#superseded;
  }

  /** Wall clock of the last exchange with the registry that succeeded, milliseconds since 1970. */
  get lastHeartbeatAt(): number | undefined {
    return this.#lastHeartbeatAt;
  }

  /** @throws MembershipError `ERR_INVALID_OPTION` for an event that there is not; so do `once` and `off` */
  on<E extends keyof MembershipEvents>(event: E, listener: MembershipEvents[E]): this {
    checkEvent(event);
    this.#events.on(event, listener);
    return this;
  }

  /** Calls the listener for the next event alone. */
  once<E extends keyof MembershipEvents>(event: E, listener: MembershipEvents[E]): this {
    checkEvent(event);
    this.#events.once(event, listener);
    return this;
  }

  off<E extends keyof MembershipEvents>(event: E, listener: MembershipEvents[E]): this {
    checkEvent(event);
    this.#events.off(event, listener);
    return this;
  }

  /**
   * Resolves with the first view for which the predicate is true: the one now, or a later one. Rejects with
   * `ERR_WAIT_TIMEOUT` after `timeoutMs`, and with `ERR_MEMBERSHIP_CLOSED` when the membership ends.
   */
  async waitFor(predicate: (view: View) => boolean, options: { readonly timeoutMs: number }): Promise<View> {
    checkFields('waitFor', options, ['timeoutMs']);
    const { timeoutMs } = options;
    checkInteger('timeoutMs', timeoutMs, 0, 2 ** 31 - 1);
    if (predicate(this.view)) return this.view;
    this.#checkOpen();
    let found: View | undefined;
    let failed: unknown;
    let wake = (): void => undefined;
    const look = (view: View): void => {
      try {
        if (!predicate(view)) return;
        found = view;
      } catch (error) {
        failed = error;
      }
      wake();
    };
    this.#events.on('view', look);
    await this.#wait(timeoutMs, (end) => (wake = end));
    this.#events.off('view', look);
    if (failed !== undefined) throw failed;
    if (found) return found;
    this.#checkOpen();
    throw new MembershipError(
      'ERR_WAIT_TIMEOUT',
      `no such view in ${timeoutMs} ms; the last has epoch ${this.view.epoch}`,
    );
  }

  /**
   * Members: resolves with the first heartbeat that succeeds, and sends them from then on. A held-back member
   * resolves too (see `damped`). Tries with growing, spread pauses until `joinTimeoutMs`, then rejects with
   * `ERR_JOIN_TIMEOUT` (the last failure as `cause`) and may be called again.
   */
  async join(): Promise<View> {
    if (!this.#self) throw new MembershipError('ERR_INVALID_OPTION', 'join() needs the option self; observers start()');
    return this.#startOnce();
  }

  /** Observers: resolves with the first read that succeeds (the view may be empty), and reads from then on. */
  async start(): Promise<View> {
    if (this.#self) throw new MembershipError('ERR_INVALID_OPTION', 'start() is for observers; members join()');
    return this.#startOnce();
  }

  /**
   * Reads the registry now, unless the view already has `minEpoch`; where the registry cannot be reached, asks some
   * members. Calls share one read, unless it may have come too early for `minEpoch`, and reads keep `refreshIntervalMs`
   * apart. Resolves with the view held after the read, whose epoch may still be below `minEpoch`; rejects with the
   * registry's error where no member had a newer view.
   */
  async refresh(minEpoch?: number): Promise<View> {
    if (minEpoch !== undefined && this.view.epoch >= minEpoch) return this.view;
    this.#checkOpen();
    if (this.#reading && minEpoch !== undefined) {
      // It began before this call: what the caller has heard of may have come after it.
      const view = await this.#refreshing;
      if (view !== undefined && view.epoch >= minEpoch) return view;
      this.#checkOpen();
    }
    this.#refreshing ??= this.#readSpaced().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /**
   * Changes this member's record and tells the registry at once. When that fails the promise rejects, the change
   * stays, and the next heartbeat carries it.
   */
  async update(change: { readonly weight?: number; readonly state?: MemberState }): Promise<View> {
    if (!this.#self) throw new MembershipError('ERR_INVALID_OPTION', 'update() needs the option self');
    checkFields('update', change, ['weight', 'state']);
    this.#checkOpen();
    const { weight = this.#self.weight, state = this.#self.state } = change;
    this.#self = checkedMember({ ...this.#self, weight, state });
    if (this.#phase === 'idle') return this.view;
    return this.#inTurn(() => this.#heartbeat());
  }

  /**
   * Ends the heartbeats and takes this member out of the view. When the registry cannot be reached the promise
   * rejects and the lease runs out by itself. Closes; idempotent.
   */
  async leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** Ends the heartbeats without leaving: the lease runs out by itself. Idempotent; the view stays. */
  async close(): Promise<void> {
    this.#phase = 'closed';
    await this.#stop();
    await this.#exchange;
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #leave(): Promise<void> {
    const { cluster, registry } = this.#options;
    const mayBeIn = this.#phase !== 'closed' && this.#starting !== undefined;
    await this.close();
    if (!mayBeIn || !this.#self || this.#superseded) return;
    const { id, incarnation } = this.#self;
    this.#adopt(await registry.remove(cluster, id, incarnation, this.view));
  }

  #startOnce(): Promise<View> {
    this.#checkOpen();
    this.#starting ??= this.#begin().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async #begin(): Promise<View> {
    const { joinTimeoutMs, monotonic, random, heartbeatMs } = this.#options;
    const deadline = monotonic() + joinTimeoutMs;
    for (let pause = FIRST_BACKOFF_MS; ; pause = Math.min(pause * 2, heartbeatMs)) {
      try {
        await this.#inTurn(() => this.#first());
        break;
      } catch (error) {
        if (this.#phase !== 'idle' || (error as MembershipError).code === 'ERR_INVALID_OPTION') throw error;
        const wait = pause * (0.5 + random());
        if (monotonic() + wait >= deadline) {
          const message = `the registry could not be reached in ${joinTimeoutMs} ms: ${(error as Error).message}`;
          throw new MembershipError('ERR_JOIN_TIMEOUT', message, { cause: error });
        }
        await this.#wait(wait);
        this.#checkOpen();
      }
    }
    this.#checkOpen();
    this.#phase = 'running';
    this.#fence?.start();
    this.#schedule();
    void this.#subscribe();
    return this.view;
  }

  /** A newcomer takes over the id from whatever process held it, even where that one's clock ran ahead. */
  async #first(): Promise<View> {
    if (!this.#self) return this.#read();
    try {
      return await this.#heartbeat();
    } catch (error) {
      if (!isSuperseded(error) || this.#phase !== 'idle') throw error;
      this.#self = checkedMember({ ...this.#self, incarnation: error.currentIncarnation + 1 });
      return this.#heartbeat();
    }
  }

  #schedule(pauseMs = this.#options.heartbeatMs): void {
    if (this.#phase !== 'running') return;
    const { timers, random } = this.#options;
    timers.clearTimeout(this.#timer);
    this.#timer = timers.setTimeout(() => void this.#tick(), pauseMs * (1 - JITTER + 2 * JITTER * random()));
  }

  async #tick(): Promise<void> {
    if (this.#phase !== 'running') return;
    let pause = this.#options.heartbeatMs;
    try {
      await this.#inTurn(() => (this.#self ? this.#heartbeat() : this.#read()));
    } catch {
      pause /= RETRY_SHARE; // so that a short outage does not cost the lease; the failure itself was reported
      await this.#viewFromPeers(1);
    }
    if (!this.#unsubscribe) void this.#subscribe();
    this.#schedule(pause);
  }

  /** One exchange with the registry at a time, so that an older record never overtakes a newer one. */
  #inTurn(exchange: () => Promise<View>): Promise<View> {
    const turn = this.#exchange.then(() => {
      this.#checkOpen();
      return exchange();
    });
    this.#exchange = turn.catch(() => undefined);
    return turn;
  }

  async #heartbeat(): Promise<View> {
    const { cluster, registry, leaseMs } = this.#options;
    const last = this.view;
    const member = this.#self!; // only members come here
    const accuses = this.#witness.accusations;
    const sentAt = this.#options.monotonic();
    const result = await this.#report(registry.heartbeat(cluster, { member, leaseMs, last, accuses }));
    this.#fence?.reached(sentAt);
    this.#witness.committed(accuses);
    this.#damped = result.damped;
    this.#noteAdmission(result, last.epoch);
    const view = this.#adopt(result.view);
    this.#overdue = result.overdue;
    void this.#testify();
    return view;
  }

  /** Out and in again since the last renewal: the record is younger than the view that this member had then. */
  #noteAdmission({ admittedEpoch, view }: HeartbeatResult, epochBefore: number): void {
    const seen = this.#renewedEpoch;
    this.#renewedEpoch = Math.max(view.epoch, epochBefore);
    if (seen !== undefined && admittedEpoch > seen) this.#emit('readmitted');
  }

  /**
   * Probes the members that are overdue. The registry is told of a change at once, so that the expulsion of a dead
   * member does not wait for the next heartbeat; but only once per heartbeat.
   */
  async #testify(): Promise<void> {
    if (this.#testifying) return;
    this.#testifying = true;
    try {
      const { members } = this.view;
      const overdue = members.filter(({ id }) => this.#overdue.includes(id));
      const changed = await this.#witness.check(overdue, members.length);
      if (changed && this.#phase === 'running') await this.#inTurn(() => this.#heartbeat());
    } catch {
      // reported
    } finally {
      this.#testifying = false;
    }
  }

  async #read(): Promise<View> {
    const { cluster, registry, leaseMs } = this.#options;
    return this.#adopt(await this.#report(registry.read(cluster, { last: this.view, leaseMs })));
  }

  async #readSpaced(): Promise<View> {
    const { refreshIntervalMs, monotonic } = this.#options;
    const wait = Math.min(refreshIntervalMs, this.#lastRefreshAt + refreshIntervalMs - monotonic());
    if (wait > 0) await this.#wait(wait);
    try {
      return await this.#inTurn(() => {
        this.#lastRefreshAt = monotonic();
        this.#reading = true;
        return this.#read().finally(() => (this.#reading = false));
      });
    } catch (error) {
      if (await this.#viewFromPeers(PEERS_ASKED)) return this.view;
      throw error;
    }
  }

  /** Asks some members, one after another, until one has a newer view. */
  async #viewFromPeers(most: number): Promise<boolean> {
    const { peers, random } = this.#options;
    if (peers.view === undefined) return false;
    const others = this.view.members.filter(({ id }) => id !== this.#self?.id);
    for (let asked = 0; asked < most && others.length > 0 && this.#phase !== 'closed'; asked++) {
      const [peer] = others.splice(Math.floor(random() * others.length), 1);
      if (await this.#askForView(peer!).catch(() => false)) return true;
    }
    return false;
  }

  async #askForView(peer: Member): Promise<boolean> {
    const { epoch } = this.view;
    const given = await this.#options.peers.view?.(peer, epoch);
    if (given === undefined || given.epoch <= epoch || this.#phase === 'closed') return false;
    // Only the registry tells, of another history, whether it has expelled a member or has not heard of it yet.
    const { members } = this.view;
    const isLost = ({ id }: Member): boolean => !given.members.some((member) => member.id === id);
    if (historyOf(given.epoch) !== historyOf(this.view.epoch) && members.some(isLost)) return false;
    this.#adopt(freezeView(given.epoch, given.members.map(checkedMember)));
    return true;
  }

  async #report<T>(exchange: Promise<T>): Promise<T> {
    try {
      const result = await exchange;
      this.#checkClock();
      this.#lastHeartbeatAt = this.#options.now();
      this.#setReachable(true);
      return result;
    } catch (error) {
      if (isSuperseded(error)) {
        this.#setReachable(true);
        if (this.#phase === 'running') this.#supersede(error);
      } else if (!isMembershipError(error) || error.code.startsWith('ERR_REGISTRY_')) {
        this.#setReachable(false, error as Error);
      }
      throw error;
    }
  }

  /** Before what the exchange brought is acted on. */
  #checkClock(): void {
    const { clock } = this.#options;
    const gapMs = clock?.gapMs ?? 0;
    if (gapMs === 0) return;
    clock!.drawAnew();
    this.#emit('clock', gapMs);
  }

  #supersede(error: MemberSupersededError): void {
    this.#superseded = true;
    this.#phase = 'closed';
    void this.#stop();
    this.#options.log('superseded by a newer process with the same id', { id: this.#self?.id, error: error.message });
    this.#emit('registry', { reachable: true, error });
  }

  #setReachable(reachable: boolean, error?: Error): void {
    const first = !reachable && this.#lastHeartbeatAt === undefined;
    if (this.#reachable === reachable && !first) return;
    this.#reachable = reachable;
    if (!reachable) this.#options.log('the registry is out of reach; the view stays', { error: error?.message });
    this.#emit('registry', error ? { reachable, error } : { reachable });
  }

  /** Only a higher epoch replaces a view: what a registry says that is behind is passed over. */
  #adopt(view: View): View {
    const previous = this.#view;
    if (previous && view.epoch <= previous.epoch) {
      if (view.epoch === previous.epoch && !sameView(view, previous)) {
        this.#options.log('two views of one epoch: the registry is not one', { epoch: view.epoch });
      }
      return previous;
    }
    this.#view = view;
    this.#emit('view', view, previous);
    return view;
  }

  async #subscribe(): Promise<void> {
    if (this.#subscribing || this.#unsubscribe || this.#phase !== 'running') return;
    this.#subscribing = true;
    try {
      const unsubscribe = await this.#options.registry.subscribe(this.#options.cluster, () => void this.#onHint());
      if (this.#phase === 'running') this.#unsubscribe = unsubscribe;
      else await unsubscribe();
    } catch (error) {
      this.#options.log('no change hints from the registry', { error: (error as Error).message });
    } finally {
      this.#subscribing = false;
    }
  }

  async #onHint(): Promise<void> {
    if (this.#phase !== 'running' || this.#hinted) return;
    this.#hinted = true;
    await this.#wait(HINT_SPREAD_MS * this.#options.random());
    if (this.#reading) await this.#refreshing?.catch(() => undefined); // it may have come too early
    this.#hinted = false;
    if (this.#phase === 'running') await this.refresh().catch(() => undefined); // reported
  }

  async #stop(): Promise<void> {
    const { timers } = this.#options;
    this.#fence?.close();
    timers.clearTimeout(this.#timer);
    for (const [handle, done] of this.#waits) {
      timers.clearTimeout(handle);
      done();
    }
    this.#waits.clear();
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = undefined;
    await unsubscribe?.().catch(() => undefined); // the registry may be gone already
  }

  /** Ends early when the membership is closed. */
  #wait(ms: number, started: (end: () => void) => void = () => undefined): Promise<void> {
    const { timers } = this.#options;
    return new Promise((done) => {
      const end = (): void => {
        timers.clearTimeout(handle);
        this.#waits.delete(handle);
        done();
      };
      const handle = timers.setTimeout(end, ms);
      this.#waits.set(handle, done);
      started(end);
    });
  }

  #checkOpen(): void {
    if (this.#phase !== 'closed') return;
    const why = this.#superseded ? 'this member was superseded by a newer process with its id' : 'it was closed';
    throw new MembershipError('ERR_MEMBERSHIP_CLOSED', `the membership has ended: ${why}`);
  }

  /** A listener that throws is its owner's defect: it is told, and disturbs no heartbeat. */
  #emit<E extends keyof MembershipEvents>(event: E, ...values: Parameters<MembershipEvents[E]>): void {
    for (const listener of this.#events.rawListeners(event)) {
      try {
        listener(...values);
      } catch (error) {
        this.#options.onListenerError(error);
      }
    }
  }
}

function checkEvent(event: string): void {
  if (!EVENTS.includes(event)) throw invalid('event', event, `one of ${EVENTS.join(', ')}`);
}
