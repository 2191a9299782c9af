import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { ChangeFile } from './change-file.js';
import type { ClockReading } from './clock-offset.js';
import { type DampingPolicy, checkedDamping } from './damping.js';
import { RegistryError, checkFields, invalid, isMembershipError } from './errors.js';
import { type Call, EMPTY_LEDGER, type Ledger, type Outcome, heartbeat, read, remove, viewOf } from './ledger.js';
import { decodeLedger, encodeLedger } from './ledger-codec.js';
import { MachineClock } from './machine-clock.js';
import { type View, checkCluster, checkInteger } from './member.js';
import {
  type Heartbeat,
  type HeartbeatResult,
  type ReadOptions,
  type Registry,
  checkedHeartbeat,
  checkedLast,
  checkedRead,
} from './registry.js';
import { VersionFiles } from './version-files.js';

export interface FileRegistryOptions {
  /** Shared by the processes of one machine; made when it is not there. Not for network file systems. */
  readonly directory: string;
  /** A call that takes longer rejects with `ERR_REGISTRY_TIMEOUT`, milliseconds. Default 2000. */
  readonly timeoutMs?: number;
  /** How often subscribers look for changes that the file system did not report, milliseconds. Default 1000. */
  readonly pollMs?: number;
  readonly damping?: Partial<DampingPolicy>;
  /**
   * Milliseconds on a clock that every process of the machine shares. Default: the machine's monotonic clock, which
   * nobody sets; that it starts again after a boot is made good in the stored ledger.
   */
  readonly now?: () => number;
  /** Spreads retries, 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
  /** Told of damaged files that were passed over. */
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

const OPTIONS = ['directory', 'timeoutMs', 'pollMs', 'damping', 'now', 'random', 'log'];
const MAX_QUEUED = 64;
const RETRY_SPREAD_MS = 10;

/**
 * A registry in a local directory: no server to run, and kill -9 of any process at any point leaves it whole. How
 * versions are stored and why no lock can be left behind is told in version-files.ts.
 */
export class FileRegistry implements Registry {
  readonly #directory: string;
  readonly #timeoutMs: number;
  readonly #pollMs: number;
  readonly #damping: DampingPolicy;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #log: NonNullable<FileRegistryOptions['log']>;
  readonly #clusters = new Map<string, Cluster>();
  readonly #subscriptions = new Set<ChangeFile>();
  readonly #corrupt = new Set<string>();
  #corruptions = 0;
  #clockReading: ClockReading | undefined;
  #closed = false;

  constructor(options: FileRegistryOptions) {
    checkFields('FileRegistry', options, OPTIONS);
    const { directory, timeoutMs = 2000, pollMs = 1000 } = options;
    if (typeof directory !== 'string' || directory === '') throw invalid('directory', directory, 'a path');
    checkInteger('timeoutMs', timeoutMs, 1, 600_000);
    checkInteger('pollMs', pollMs, 1, 600_000);
    this.#directory = resolve(directory);
    this.#timeoutMs = timeoutMs;
    this.#pollMs = pollMs;
    this.#damping = checkedDamping(options.damping);
    this.#now = options.now ?? monotonicMs;
    this.#random = options.random ?? Math.random;
    this.#log = options.log ?? (() => undefined);
  }

  /** The machine's time, which all its processes share: see `MachineClock`. */
  get clockReading(): ClockReading | undefined {
    return this.#clockReading;
  }

  /** Damaged versions found, and passed over for the one before, since the start. */
  get corruptions(): number {
    return this.#corruptions;
  }

  async heartbeat(cluster: string, request: Heartbeat): Promise<HeartbeatResult> {
    const checked = checkedHeartbeat(request);
    const outcome = await this.#run(cluster, (ledger) => heartbeat(ledger, checked, this.#call(), this.#damping));
    const { expelled, damped, admittedEpoch, overdue, ledger } = outcome;
    const serverTimeMs = Math.floor(this.#clockReading!.offsetMs + performance.now());
    return { view: viewOf(ledger), expelled, damped, admittedEpoch, overdue, serverTimeMs };
  }

  async remove(cluster: string, id: string, incarnation: number, last?: View): Promise<View> {
    checkInteger('incarnation', incarnation, 0);
    const checked = checkedLast(last);
    const outcome = await this.#run(cluster, (ledger) =>
      remove(ledger, id, incarnation, checked, this.#call(), this.#damping),
    );
    return viewOf(outcome.ledger);
  }

  async read(cluster: string, options?: ReadOptions): Promise<View> {
    const checked = checkedRead(options);
    const outcome = await this.#run(cluster, (ledger) => read(ledger, checked, this.#call(), this.#damping));
    return viewOf(outcome.ledger);
  }

  async subscribe(cluster: string, onChange: () => void): Promise<() => Promise<void>> {
    this.#checkOpen(cluster);
    const changes = new ChangeFile(this.#cluster(cluster).files.directory);
    this.#subscriptions.add(changes);
    await changes.watch(onChange, this.#pollMs).catch((error: unknown) => {
      this.#subscriptions.delete(changes);
      throw unavailable(error);
    });
    return async () => {
      this.#subscriptions.delete(changes);
      await changes.close();
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const subscriptions = [...this.#subscriptions];
    this.#subscriptions.clear();
    await Promise.all(subscriptions.map((changes) => changes.close()));
    const calls = Promise.all([...this.#clusters.values()].map(({ tail }) => tail));
    const giveUp = new AbortController(); // a directory that hangs does not hold up the end
    await Promise.race([calls, pause(this.#timeoutMs, giveUp.signal)]);
    giveUp.abort();
  }

  #call(): Call {
    return { sourceMs: this.#now(), wallMs: Date.now() };
  }

  #checkOpen(cluster: string): void {
    checkCluster(cluster);
    if (this.#closed) throw new RegistryError('ERR_REGISTRY_CLOSED', 'the registry is closed');
  }

  #cluster(name: string): Cluster {
    let cluster = this.#clusters.get(name);
    if (!cluster) {
      const writer = `${process.pid}.${randomBytes(4).toString('hex')}`;
      const directory = join(this.#directory, name);
      // Not the injected clock: a version's age is real time whatever the leases are counted in.
      cluster = {
        files: new VersionFiles(directory, writer, monotonicMs),
        clock: new MachineClock({ directory, writer, machineMs: monotonicMs }),
        tail: Promise.resolve(),
        queued: 0,
      };
      this.#clusters.set(name, cluster);
    }
    return cluster;
  }

  /** Calls of one process take turns; those of several are settled by the commit. */
  async #run(name: string, step: (ledger: Ledger) => Outcome): Promise<Outcome> {
    this.#checkOpen(name);
    const cluster = this.#cluster(name);
    if (cluster.queued >= MAX_QUEUED) {
      throw new RegistryError('ERR_REGISTRY_UNAVAILABLE', `${MAX_QUEUED} calls wait for the registry directory`);
    }
    cluster.queued++;
    const deadline = monotonicMs() + this.#timeoutMs;
    const turn = cluster.tail.then(() => this.#transact(name, cluster, step, deadline));
    cluster.tail = turn.then(
      () => void cluster.queued--,
      () => void cluster.queued--,
    );
    let timer: NodeJS.Timeout | undefined;
    const expiry = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#timeout()), this.#timeoutMs);
    });
    try {
      return await Promise.race([turn, expiry]);
    } catch (error) {
      throw isMembershipError(error) ? error : unavailable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #transact(
    name: string,
    { files, clock }: Cluster,
    step: (ledger: Ledger) => Outcome,
    deadline: number,
  ): Promise<Outcome> {
    await clock.look();
    this.#clockReading = clock.reading;
    for (let attempt = 1; monotonicMs() < deadline; attempt++) {
      const { highest, ledger } = await this.#load(name, files);
      const outcome = step(ledger);
      if (!outcome.dirty) return outcome;
      const committed = await files.commit(highest, encodeLedger(outcome.ledger));
      if (committed === 'done') {
        if (outcome.changed) await new ChangeFile(files.directory).touch(`${highest + 1}`);
        return outcome;
      }
      await pause(this.#random() * RETRY_SPREAD_MS * Math.min(attempt, 8));
    }
    throw this.#timeout();
  }

  async #load(name: string, files: VersionFiles): Promise<{ highest: number; ledger: Ledger }> {
    const { highest, candidates } = await files.open();
    for await (const { version, text } of candidates) {
      const ledger = decodeLedger(text);
      if (ledger) return { highest, ledger };
      this.#noteCorrupt(name, version);
    }
    return { highest, ledger: EMPTY_LEDGER };
  }

  #noteCorrupt(cluster: string, version: number): void {
    const key = `${cluster}/${version}`;
    if (this.#corrupt.has(key)) return;
    if (this.#corrupt.size >= 1000) this.#corrupt.clear();
    this.#corrupt.add(key);
    this.#corruptions++;
    this.#log('passed over a damaged registry file', { cluster, version });
  }

  #timeout(): RegistryError {
    return new RegistryError(
      'ERR_REGISTRY_TIMEOUT',
      `the registry directory ${this.#directory} did not answer in ${this.#timeoutMs} ms`,
    );
  }
}

interface Cluster {
  readonly files: VersionFiles;
  readonly clock: MachineClock;
  tail: Promise<void>;
  queued: number;
}

function monotonicMs(): number {
  return Math.floor(Number(process.hrtime.bigint() / 1_000n) / 1_000);
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeoutAsync(ms, undefined, { signal }).catch(() => undefined); // aborted: no longer needed
}

function unavailable(error: unknown): RegistryError {
  const reason = error instanceof Error ? error.message : String(error);
  return new RegistryError('ERR_REGISTRY_UNAVAILABLE', `the registry directory failed: ${reason}`, { cause: error });
}
