import { type DampingPolicy, checkedDamping } from './damping.js';
import { RegistryError, checkFields } from './errors.js';
import { type Call, EMPTY_LEDGER, type Ledger, type Outcome, heartbeat, read, remove, viewOf } from './ledger.js';
import { EMPTY_VIEW, type View, checkCluster, checkInteger } from './member.js';
import {
  type Heartbeat,
  type HeartbeatResult,
  type ReadOptions,
  type Registry,
  checkedHeartbeat,
  checkedLast,
  checkedRead,
} from './registry.js';

export interface MemoryRegistryOptions {
  /** Milliseconds from any source. Default: those since 1970 at the start of the process, and its monotonic clock from there. */
  readonly now?: () => number;
  /** Names the registry; a copy has another name. Default `''`. */
  readonly server?: string;
  readonly damping?: Partial<DampingPolicy>;
}

const OPTIONS = ['now', 'server', 'damping'];

/** A registry inside one process, for tests and simulation: the same decisions, an injected clock, no I/O. */
export class MemoryRegistry implements Registry {
  readonly #now: () => number;
  readonly #damping: DampingPolicy;
  readonly #clusters = new Map<string, { ledger: Ledger; view: View }>();
  readonly #subscribers = new Map<string, Set<() => void>>();
  readonly #server: string;
  #forks = 0;
  #closed = false;

  constructor(options: MemoryRegistryOptions = {}) {
    checkFields('MemoryRegistry', options, OPTIONS);
    this.#now = options.now ?? (() => Math.floor(performance.timeOrigin + performance.now()));
    this.#server = options.server ?? '';
    this.#damping = checkedDamping(options.damping);
  }

  /** A second registry that begins with what this one knows, like a backup that is restored or a replica that is promoted. */
  fork(): MemoryRegistry {
    const server = `${this.#server}/${++this.#forks}`;
    const copy = new MemoryRegistry({ now: this.#now, server, damping: this.#damping });
    for (const [cluster, state] of this.#clusters) copy.#clusters.set(cluster, state);
    return copy;
  }

  async heartbeat(cluster: string, request: Heartbeat): Promise<HeartbeatResult> {
    const checked = checkedHeartbeat(request);
    const sourceMs = this.#now();
    const { view, outcome } = this.#apply(cluster, (ledger, call) => heartbeat(ledger, checked, call, this.#damping));
    const { expelled, damped, admittedEpoch, overdue } = outcome;
    return { view, expelled, damped, admittedEpoch, overdue, serverTimeMs: sourceMs };
  }

  async remove(cluster: string, id: string, incarnation: number, last?: View): Promise<View> {
    checkInteger('incarnation', incarnation, 0);
    const checked = checkedLast(last);
    return this.#apply(cluster, (ledger, call) => remove(ledger, id, incarnation, checked, call, this.#damping)).view;
  }

  async read(cluster: string, options?: ReadOptions): Promise<View> {
    const checked = checkedRead(options);
    return this.#apply(cluster, (ledger, call) => read(ledger, checked, call, this.#damping)).view;
  }

  async subscribe(cluster: string, onChange: () => void): Promise<() => Promise<void>> {
    this.#check(cluster);
    let subscribers = this.#subscribers.get(cluster);
    if (!subscribers) this.#subscribers.set(cluster, (subscribers = new Set()));
    const entry = (): void => onChange(); // one entry per subscription, also for a callback given twice
    subscribers.add(entry);
    return async () => {
      this.#subscribers.get(cluster)?.delete(entry);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#subscribers.clear();
  }

  #apply(cluster: string, step: (ledger: Ledger, call: Call) => Outcome): { view: View; outcome: Outcome } {
    this.#check(cluster);
    const before = this.#clusters.get(cluster);
    const now = this.#now();
    const outcome = step(before?.ledger ?? EMPTY_LEDGER, { sourceMs: now, wallMs: now, server: this.#server });
    if (!before && !outcome.dirty) return { view: EMPTY_VIEW, outcome };
    const view = before && !outcome.changed ? before.view : viewOf(outcome.ledger);
    this.#clusters.set(cluster, { ledger: outcome.ledger, view });
    if (outcome.changed) {
      for (const entry of this.#subscribers.get(cluster) ?? []) queueMicrotask(entry);
    }
    return { view, outcome };
  }

  #check(cluster: string): void {
    checkCluster(cluster);
    if (this.#closed) throw new RegistryError('ERR_REGISTRY_CLOSED', 'the registry is closed');
  }
}
