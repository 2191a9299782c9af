import { Cluster, Redis, ReplyError } from 'ioredis';
import { ClockOffset } from './clock-offset.js';
import { type DampingPolicy, checkedDamping } from './damping.js';
import { MemberSupersededError, MembershipError, RegistryError, invalid } from './errors.js';
import { EMPTY_VIEW, type Member, type View, checkCluster, checkInteger, freezeView } from './member.js';
import { SCRIPT, SCRIPT_KEYS } from './redis-script.js';
import { parseRedisUrl } from './redis-url.js';
import {
  type Heartbeat,
  type HeartbeatResult,
  type ReadOptions,
  type Registry,
  checkedHeartbeat,
  checkedRead,
} from './registry.js';

export type RedisClient = Redis | Cluster;

interface CommonOptions {
  /** A call that takes longer, connecting included, rejects with `ERR_REGISTRY_TIMEOUT`, ms. Default 1000. */
  readonly timeoutMs?: number;
  readonly damping?: Partial<DampingPolicy>;
  /** Spreads reconnects, 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
  /** Told of connection errors. */
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

/** Either where Redis is, or a client of the caller's (which stays open when the registry is closed). */
export type RedisRegistryOptions = CommonOptions &
  (
    | {
        /** `redis://`, `rediss://`, `redis+sentinel://h:p,h:p/name`, `redis+cluster://h:p,h:p`. */
        readonly url: string;
        /** Instead of the ones in the URL. */
        readonly username?: string;
        readonly password?: string;
        /** Of the Sentinels, where they ask for one. */
        readonly sentinelPassword?: string;
        readonly client?: undefined;
      }
    | { readonly client: RedisClient; readonly url?: undefined }
  );

const MAX_RECONNECT_MS = 1000;
/** Of a client's states; one that shows none (a stand-in) is taken to be ready. */
const NOT_READY: ReadonlySet<string> = new Set([
  ...['wait', 'connecting', 'connect', 'reconnecting', 'disconnecting', 'close', 'end'],
]);

/**
 * A registry in Redis, for members on many hosts. One script does each operation atomically by the server's clock;
 * keys are `dcs:{cluster}:*`, changes are published on `dcs:{cluster}:changes`. Nothing is queued while the
 * connection is down.
 */
export class RedisRegistry implements Registry {
  readonly #client: RedisClient;
  readonly #owned: boolean;
  readonly #timeoutMs: number;
  readonly #damping: DampingPolicy;
  readonly #log: NonNullable<CommonOptions['log']>;
  /** The last view per cluster and its version, so that an unchanged one does not cross the wire. */
  readonly #known = new Map<string, { readonly version: string; readonly view: View }>();
  readonly #subscribers = new Set<RedisClient>();
  readonly #clock = new ClockOffset();
  #closed = false;

  constructor(options: RedisRegistryOptions) {
    const { timeoutMs = 1000 } = options;
    checkInteger('timeoutMs', timeoutMs, 1, 600_000);
    this.#timeoutMs = timeoutMs;
    this.#damping = checkedDamping(options.damping);
    this.#log = options.log ?? (() => undefined);
    this.#owned = options.client === undefined;
    this.#client = options.client ?? connect(options, timeoutMs);
    if (this.#owned) this.#client.on('error', (error: Error) => this.#note(error));
  }

  get clockOffsetMs(): number {
    return this.#clock.offsetMs;
  }

  async heartbeat(cluster: string, request: Heartbeat): Promise<HeartbeatResult> {
    const { member, leaseMs, minEpoch, viewSize, accuses } = checkedHeartbeat(request);
    const leaving = member.state === 'leaving' ? 1 : 0;
    const { id, incarnation } = member;
    const args = [id, incarnation, leaseMs, minEpoch, viewSize, JSON.stringify(member), leaving];
    const lines = accuses.map(({ id: accused, incarnation: of, kind }) => `${kind[0]}:${of}:${accused}`);
    return this.#run(cluster, 'heartbeat', args, lines.join('\n'));
  }

  async remove(cluster: string, id: string, incarnation: number, minEpoch: number): Promise<View> {
    checkInteger('incarnation', incarnation, 0);
    checkInteger('minEpoch', minEpoch, 0);
    return (await this.#run(cluster, 'remove', [id, incarnation, 0, minEpoch, 0, '', 0])).view;
  }

  async read(cluster: string, options?: ReadOptions): Promise<View> {
    const { minEpoch, viewSize, leaseMs } = checkedRead(options);
    return (await this.#run(cluster, 'read', ['', 0, leaseMs, minEpoch, viewSize, '', 0])).view;
  }

  async subscribe(cluster: string, onChange: () => void): Promise<() => Promise<void>> {
    this.#checkOpen(cluster);
    const channel = channelOf(cluster);
    const subscriber: RedisClient = this.#client.duplicate();
    subscriber.on('error', (error: Error) => this.#note(error));
    this.#subscribers.add(subscriber);
    try {
      await this.#bounded(async () => {
        await this.#ready(subscriber);
        await subscriber.subscribe(channel);
      });
    } catch (error) {
      this.#drop(subscriber);
      throw this.#failure(error);
    }
    const hint = (): void => {
      if (this.#subscribers.has(subscriber)) onChange();
    };
    subscriber.on('message', hint);
    subscriber.on('ready', hint); // after a reconnect: what was published meanwhile is lost
    return async () => this.#drop(subscriber);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscriber of this.#subscribers) this.#drop(subscriber);
    if (this.#owned) this.#client.disconnect();
  }

  async #run(
    cluster: string,
    operation: string,
    args: readonly (string | number)[],
    accuses = '',
  ): Promise<HeartbeatResult> {
    this.#checkOpen(cluster);
    const { freeCrashes, baseHoldMs, maxHoldMs, windowMs } = this.#damping;
    const known = this.#known.get(cluster);
    const keys = SCRIPT_KEYS.map((key) => `dcs:{${cluster}}:${key}`);
    const argv = [operation, channelOf(cluster), ...args, known?.version ?? ''];
    let reply: unknown;
    let sentAt = 0;
    let sentWall = 0;
    try {
      reply = await this.#bounded(async () => {
        await this.#ready(this.#client);
        sentAt = performance.now();
        sentWall = Date.now();
        const policy = [freeCrashes, baseHoldMs, maxHoldMs, windowMs, accuses];
        return this.#client.eval(SCRIPT, keys.length, ...keys, ...argv, ...policy);
      });
    } catch (error) {
      throw this.#failure(error);
    }
    const [status, ...rest] = reply as Reply;
    if (status === 'superseded') throw new MemberSupersededError(String(args[0]), Number(args[1]), Number(rest[0]));
    const [serverMs, epoch, version, damped, given, expelled, records, admittedEpoch, overdue] = rest as OkReply;
    this.#clock.add(Number(serverMs) - sentWall, performance.now() - sentAt);
    const view = given === '1' || !known ? this.#keep(cluster, Number(epoch), version, records) : known.view;
    return {
      view,
      expelled: idsOf(expelled),
      damped: damped === '1',
      admittedEpoch: Number(admittedEpoch),
      overdue: idsOf(overdue).filter((id) => id !== args[0]),
      serverTimeMs: Number(serverMs),
    };
  }

  #keep(cluster: string, epoch: number, version: string, records: readonly string[]): View {
    if (version === '') return EMPTY_VIEW;
    let members: Member[];
    try {
      members = records.map((record) => Object.freeze(JSON.parse(record) as Member));
    } catch (error) {
      throw new RegistryError('ERR_REGISTRY_CORRUPT', 'a member record in Redis is not JSON', { cause: error });
    }
    const view = freezeView(epoch, members);
    this.#known.set(cluster, { version, view });
    return view;
  }

  /** The offline queue is off; a call that comes while the client connects waits here, within its own time. */
  #ready(client: RedisClient): Promise<void> {
    if (!NOT_READY.has(client.status)) return Promise.resolve();
    if (client.status === 'end') return Promise.reject(new Error('the connection was ended'));
    if (client.status === 'wait') client.connect().catch(() => undefined); // the error event tells
    return new Promise((done, fail) => {
      const settle = (error?: Error): void => {
        client.off('ready', onReady);
        client.off('error', onError);
        client.off('close', onClose);
        client.off('end', onClose);
        clearTimeout(timer);
        if (error) fail(error);
        else done();
      };
      const onReady = (): void => settle();
      const onError = (error: Error): void => settle(error);
      const onClose = (): void => settle(new Error('the connection was closed'));
      const timer = setTimeout(() => settle(new Error('not connected')), this.#timeoutMs);
      client.on('ready', onReady).on('error', onError).on('close', onClose).on('end', onClose);
    });
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const expiry = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // What was sent is still ahead of anything sent later: a new connection starts clean.
        if (this.#owned && this.#client.status === 'ready') this.#client.disconnect(true);
        reject(new RegistryError('ERR_REGISTRY_TIMEOUT', `Redis did not answer in ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
    });
    try {
      return await Promise.race([work(), expiry]);
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(error: unknown): MembershipError {
    if (error instanceof MembershipError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    // An error inside the script means that the keys do not hold what the script put there.
    const corrupt = error instanceof ReplyError && /WRONGTYPE|user_script|Error running script/.test(reason);
    const denied = /NOPERM|NOAUTH/.test(reason);
    if (corrupt && !denied) {
      return new RegistryError('ERR_REGISTRY_CORRUPT', `the keys in Redis are damaged: ${reason}`, { cause: error });
    }
    return new RegistryError('ERR_REGISTRY_UNAVAILABLE', `Redis: ${reason}`, { cause: error });
  }

  #drop(subscriber: RedisClient): void {
    if (this.#subscribers.delete(subscriber)) subscriber.disconnect();
  }

  #note(error: Error): void {
    this.#log('Redis connection', { error: error.message });
  }

  #checkOpen(cluster: string): void {
    checkCluster(cluster);
    if (this.#closed) throw new RegistryError('ERR_REGISTRY_CLOSED', 'the registry is closed');
  }
}

type Reply = readonly ['ok' | 'superseded', ...unknown[]];
type OkReply = [
  serverMs: string,
  epoch: string,
  version: string,
  damped: string,
  given: string,
  expelled: string,
  records: string[],
  admittedEpoch: string,
  overdue: string,
];

function idsOf(lines: string): string[] {
  return lines === '' ? [] : lines.split('\n').sort();
}

function channelOf(cluster: string): string {
  return `dcs:{${cluster}}:changes`;
}

function connect(options: RedisRegistryOptions & { readonly client?: undefined }, timeoutMs: number): RedisClient {
  if (typeof options.url !== 'string') throw invalid('url', options.url, 'a Redis URL, or the option client');
  const target = parseRedisUrl(options.url);
  const { username, password, sentinelPassword, random = Math.random } = options;
  const retryStrategy = (attempt: number): number =>
    Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + random() / 2);
  const settings = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    connectTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy,
    sentinelRetryStrategy: retryStrategy,
  };
  if (target.kind === 'single') return new Redis({ ...target.options, ...settings });
  return new Cluster([...target.nodes], {
    ...target.options,
    redisOptions: { ...target.options.redisOptions, ...settings },
    clusterRetryStrategy: retryStrategy,
    enableOfflineQueue: false,
    slotsRefreshTimeout: timeoutMs,
  });
}
