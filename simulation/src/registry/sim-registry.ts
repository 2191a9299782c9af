import {
  ClockOffset,
  type Heartbeat,
  type HeartbeatResult,
  MemoryRegistry,
  type ReadOptions,
  type Registry,
  RegistryError,
  type View,
} from '@dcs/cluster-membership';
import type { Kernel } from '../kernel/kernel.js';
import type { Random } from '../kernel/random.js';
import { type SimProcess, WALL_EPOCH_MS } from '../kernel/sim-process.js';

/** `refusing`: nobody listens; `silent`: it hangs; `stale`: reads answer from a copy that is behind. */
export type RegistryState = 'up' | 'refusing' | 'silent' | 'stale';

/** What is lost between a process and the registry. */
export const REGISTRY_LINKS = ['both', 'requests', 'answers'] as const;
export type RegistryLink = (typeof REGISTRY_LINKS)[number];

const TIMEOUT_MS = 1000;
const MIN_DELAY_MS = 0.1;
const MAX_DELAY_MS = 1;
const REMEMBERED_VIEWS = 8;
/** Share of the requests on a cut link that arrive when it is whole again, as retransmissions do. */
const RETRANSMITTED = 0.5;

/** The registry as a service: `MemoryRegistry` behind delays, time-outs and faults. */
export class SimRegistry {
  state: RegistryState = 'up';
  slowMs = 0;
  /** Share of the hints that a view has changed that get lost: then the next heartbeat brings it. */
  hintLoss = 0;
  /** Of the registry's own clock, from true time, ms. */
  clockOffsetMs = 0;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #cluster: string;
  readonly #subscribers = new Set<{ readonly process: SimProcess; run: () => void }>();
  readonly #cuts = new Map<string, RegistryLink>();
  /** Requests that did not get through, by process. */
  readonly #stuck = new Map<string, (() => void)[]>();
  readonly #lateMs = new Map<string, number>();
  /** Processes that talk to {@link #fork}. */
  #onFork: ReadonlySet<string> = new Set();
  #fork: MemoryRegistry | undefined;
  #snapshot: MemoryRegistry | undefined;
  readonly #views: View[] = [];
  #backend: MemoryRegistry;

  constructor(kernel: Kernel, random: Random, cluster: string) {
    this.#kernel = kernel;
    this.#random = random;
    this.#cluster = cluster;
    this.#backend = this.#start();
  }

  /** The registry has lost everything it knew. */
  wipe(): void {
    this.#backend = this.#start();
  }

  /** Requests of this process, or the answers to them, get lost until {@link heal}. */
  cut(name: string, link: RegistryLink): void {
    this.#cuts.set(name, link);
  }

  heal(name: string): void {
    this.#cuts.delete(name);
    const stuck = this.#stuck.get(name) ?? [];
    this.#stuck.delete(name);
    for (const arrive of stuck) this.#kernel.at(this.#kernel.now + this.#delay(), undefined, 'registry', arrive);
  }

  /** Answers to this process take up to so much longer. */
  delay(name: string, ms: number): void {
    this.#lateMs.set(name, ms);
  }

  /** From now on these processes talk to a registry of their own, which begins with what this one knows. */
  fork(names: readonly string[]): void {
    this.#fork = this.#listenTo(this.#backend.fork());
    this.#onFork = new Set(names);
  }

  /** All talk to one of the two again. */
  join(keepsFork: boolean): void {
    if (keepsFork && this.#fork !== undefined) this.#backend = this.#fork;
    this.#fork = undefined;
    this.#onFork = new Set();
  }

  snapshot(): void {
    this.#snapshot = this.#backend.fork();
  }

  /** It knows what it knew at the time of the snapshot. */
  restore(): void {
    if (this.#snapshot !== undefined) this.#backend = this.#listenTo(this.#snapshot);
    this.#snapshot = undefined;
  }

  /** The registry as one process sees it. */
  clientOf(process: SimProcess): Registry {
    const offset = new ClockOffset();
    /** An exchange that tells the registry's time, as `RedisRegistry` takes it. */
    const timed = async <T>(
      run: (backend: MemoryRegistry) => Promise<T>,
      seen: (result: T) => void = () => undefined,
    ): Promise<T> => {
      const sentAt = process.monotonic();
      let serverMs = 0;
      const exchange = (backend: MemoryRegistry): Promise<T> => {
        serverMs = this.#time();
        return run(backend);
      };
      const result = await this.#call(process, exchange, seen);
      offset.add(serverMs, sentAt, process.monotonic());
      return result;
    };
    return {
      get clockReading() {
        return offset.reading;
      },
      heartbeat: (cluster: string, beat: Heartbeat): Promise<HeartbeatResult> =>
        timed(
          (backend) => backend.heartbeat(cluster, beat),
          ({ view }) => this.#remember(view),
        ),
      remove: (cluster: string, id: string, incarnation: number, last?: View): Promise<View> =>
        this.#call(process, (backend) => backend.remove(cluster, id, incarnation, last)),
      read: (cluster: string, options?: ReadOptions): Promise<View> =>
        timed((backend) =>
          this.state === 'stale' && this.#views.length > 0
            ? Promise.resolve(this.#random.pick(this.#views))
            : backend.read(cluster, options),
        ),
      subscribe: (_cluster: string, onChange: () => void) =>
        this.#call(process, async () => {
          const subscriber = { process, run: onChange };
          this.#subscribers.add(subscriber);
          return async () => void this.#subscribers.delete(subscriber);
        }),
      close: async () => undefined,
    };
  }

  #start(): MemoryRegistry {
    return this.#listenTo(new MemoryRegistry({ now: () => this.#time() }));
  }

  #listenTo(backend: MemoryRegistry): MemoryRegistry {
    void backend.subscribe(this.#cluster, () => {
      if (this.#backend === backend || this.#fork === backend) this.#publish(backend);
    });
    return backend;
  }

  #time(): number {
    return Math.floor(WALL_EPOCH_MS + this.#kernel.now + this.clockOffsetMs);
  }

  #backendOf({ name }: SimProcess): MemoryRegistry {
    return this.#fork !== undefined && this.#onFork.has(name) ? this.#fork : this.#backend;
  }

  #loses({ name }: SimProcess, what: 'requests' | 'answers'): boolean {
    const cut = this.#cuts.get(name);
    return cut === 'both' || cut === what;
  }

  #publish(backend: MemoryRegistry): void {
    for (const subscriber of this.#subscribers) {
      if (!subscriber.process.isAlive) {
        this.#subscribers.delete(subscriber);
        continue;
      }
      if (this.#backendOf(subscriber.process) !== backend) continue;
      const lost =
        this.state !== 'up' || this.#loses(subscriber.process, 'answers') || this.#random.chance(this.hintLoss);
      if (!lost) this.#kernel.at(this.#kernel.now + this.#delay(), subscriber.process, 'hint', () => subscriber.run());
    }
  }

  #remember(view: View): void {
    if (this.#views.at(-1)?.epoch === view.epoch) return;
    this.#views.push(view);
    if (this.#views.length > REMEMBERED_VIEWS) this.#views.shift();
  }

  /** A call may be carried out and its answer lost, as with any server. */
  #call<T>(
    process: SimProcess,
    run: (backend: MemoryRegistry) => Promise<T>,
    seen: (result: T) => void = () => undefined,
  ): Promise<T> {
    const kernel = this.#kernel;
    return new Promise<T>((resolve, reject) => {
      const giveUp = process.after(TIMEOUT_MS, () =>
        reject(new RegistryError('ERR_REGISTRY_TIMEOUT', `no answer within ${TIMEOUT_MS} ms`)),
      );
      const answer = (settle: () => void): void => {
        if (this.state === 'silent' || this.#loses(process, 'answers')) return;
        const lateMs = (this.#lateMs.get(process.name) ?? 0) * this.#random.float();
        kernel.at(kernel.now + this.#delay() + lateMs, process, 'registry', () => {
          giveUp();
          settle();
        });
      };
      const arrive = (): void => {
        if (this.state === 'silent') return;
        if (this.#loses(process, 'requests')) {
          if (this.#random.chance(RETRANSMITTED)) this.#keep(process.name, arrive);
          return;
        }
        if (this.state === 'refusing') {
          return answer(() => reject(new RegistryError('ERR_REGISTRY_UNAVAILABLE', 'connect ECONNREFUSED')));
        }
        run(this.#backendOf(process)).then(
          (result) => {
            seen(result);
            answer(() => resolve(result));
          },
          (error: Error) => answer(() => reject(error)),
        );
      };
      kernel.at(kernel.now + this.#delay(), undefined, 'registry', arrive);
    });
  }

  #keep(name: string, arrive: () => void): void {
    const stuck = this.#stuck.get(name);
    if (stuck === undefined) this.#stuck.set(name, [arrive]);
    else stuck.push(arrive);
  }

  #delay(): number {
    return this.#random.between(MIN_DELAY_MS, MAX_DELAY_MS) + this.slowMs * this.#random.float();
  }
}
