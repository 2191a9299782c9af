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

const TIMEOUT_MS = 1000;
const MIN_DELAY_MS = 0.1;
const MAX_DELAY_MS = 1;
const REMEMBERED_VIEWS = 8;

/** The registry as a service: `MemoryRegistry` behind delays, time-outs and faults. */
export class SimRegistry {
  state: RegistryState = 'up';
  slowMs = 0;
  /** Share of the hints that a view has changed that get lost: then the next heartbeat brings it. */
  hintLoss = 0;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #cluster: string;
  readonly #subscribers = new Set<{ readonly process: SimProcess; run: () => void }>();
  readonly #unreachable = new Set<string>();
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

  /** This process alone cannot reach it, or can again. */
  cutOff(process: SimProcess, isCut: boolean): void {
    if (isCut) this.#unreachable.add(process.name);
    else this.#unreachable.delete(process.name);
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
        serverMs = this.#now();
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
      remove: (cluster: string, id: string, incarnation: number, minEpoch: number): Promise<View> =>
        this.#call(process, (backend) => backend.remove(cluster, id, incarnation, minEpoch)),
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
    const backend = new MemoryRegistry({ now: () => this.#now() });
    void backend.subscribe(this.#cluster, () => {
      if (this.#backend === backend) this.#publish();
    });
    return backend;
  }

  /** Its own clock, which is right. */
  #now(): number {
    return Math.floor(WALL_EPOCH_MS + this.#kernel.now);
  }

  #publish(): void {
    for (const subscriber of this.#subscribers) {
      if (!subscriber.process.isAlive) {
        this.#subscribers.delete(subscriber);
        continue;
      }
      const lost =
        this.state !== 'up' || this.#unreachable.has(subscriber.process.name) || this.#random.chance(this.hintLoss);
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
        if (this.state === 'silent' || this.#unreachable.has(process.name)) return;
        kernel.at(kernel.now + this.#delay(), process, 'registry', () => {
          giveUp();
          settle();
        });
      };
      kernel.at(kernel.now + this.#delay(), undefined, 'registry', () => {
        if (this.state === 'silent' || this.#unreachable.has(process.name)) return;
        if (this.state === 'refusing') {
          return answer(() => reject(new RegistryError('ERR_REGISTRY_UNAVAILABLE', 'connect ECONNREFUSED')));
        }
        run(this.#backend).then(
          (result) => {
            seen(result);
            answer(() => resolve(result));
          },
          (error: Error) => answer(() => reject(error)),
        );
      });
    });
  }

  #delay(): number {
    return this.#random.between(MIN_DELAY_MS, MAX_DELAY_MS) + this.slowMs * this.#random.float();
  }
}
