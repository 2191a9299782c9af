import { createHash } from 'node:crypto';
import { ClockOffset, type ClockReading } from './clock-offset.js';
import { type DampingPolicy, checkedDamping } from './damping.js';
import { MemberSupersededError, RegistryError, checkFields, invalid } from './errors.js';
import { EMPTY_VIEW, type Member, type View, checkCluster, checkInteger, freezeView } from './member.js';
import type { RedisClient } from './redis-client.js';
import { leadsToWrongServer, registryError, wordOf } from './redis-error.js';
import { GivenClient, OwnConnections, type RedisConnections } from './redis-connections.js';
import { SCRIPT, SCRIPT_KEYS } from './redis-script.js';
import { RedisSubscription } from './redis-subscription.js';
import {
  type Heartbeat,
  type HeartbeatResult,
  type ReadOptions,
  type Registry,
  checkedHeartbeat,
  checkedRead,
} from './registry.js';
import type { ConnectionOptions } from 'node:tls';

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
        /** For `rediss`: certificates and what else `node:tls` takes. */
        readonly tls?: ConnectionOptions;
        readonly client?: undefined;
      }
    | { readonly client: RedisClient; readonly url?: undefined }
  );

const OPTIONS = [
  ...['timeoutMs', 'damping', 'random', 'log', 'client'],
  ...['url', 'username', 'password', 'sentinelPassword', 'tls'],
];
const SCRIPT_SHA1 = createHash('sha1').update(SCRIPT).digest('hex');

/**
 * A registry in Redis, for members on many hosts. One script does each operation atomically by the server's clock;
 * keys are `dcs:{cluster}:*`, changes are published on `dcs:{cluster}:changes`. Nothing is queued while the
 * connection is down.
 */
export class RedisRegistry implements Registry {
  readonly #connections: RedisConnections;
  readonly #timeoutMs: number;
  readonly #damping: DampingPolicy;
  readonly #random: () => number;
  /** The last view per cluster and its version, so that an unchanged one does not cross the wire. */
  readonly #known = new Map<string, { readonly version: string; readonly view: View }>();
  readonly #subscriptions = new Set<RedisSubscription>();
  readonly #clock = new ClockOffset();
  #closed = false;

  constructor(options: RedisRegistryOptions) {
    checkFields('RedisRegistry', options, OPTIONS);
    const { timeoutMs = 1000, random = Math.random, log = () => undefined } = options;
    checkInteger('timeoutMs', timeoutMs, 1, 600_000);
    this.#timeoutMs = timeoutMs;
    this.#damping = checkedDamping(options.damping);
    this.#random = random;
    if (options.client !== undefined) {
      this.#connections = new GivenClient(options.client, timeoutMs);
      return;
    }
    const { url, username, password, sentinelPassword, tls } = options;
    if (typeof url !== 'string') throw invalid('url', url, 'a Redis URL, or the option client');
    const secrets = { username, password, sentinelPassword, tls };
    this.#connections = new OwnConnections(url, secrets, { timeoutMs, random, log });
  }

  get clockReading(): ClockReading | undefined {
    return this.#clock.reading;
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
    const subscription = new RedisSubscription({
      open: () => this.#connections.another(cluster),
      channel: channelOf(cluster),
      timeoutMs: this.#timeoutMs,
      random: this.#random,
      onChange,
    });
    this.#subscriptions.add(subscription);
    const close = (): void => {
      subscription.close();
      this.#subscriptions.delete(subscription);
    };
    try {
      await this.#bounded(subscription.start());
    } catch (error) {
      close();
      throw registryError(error);
    }
    return async () => close();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.close();
    this.#subscriptions.clear();
    this.#connections.close();
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
    const policy = [freeCrashes, baseHoldMs, maxHoldMs, windowMs, accuses];
    const { reply, sentAt } = await this.#evaluate(cluster, keys, [...argv, ...policy]);
    const [status, ...rest] = reply as Reply;
    if (status === 'superseded') throw new MemberSupersededError(String(args[0]), Number(args[1]), Number(rest[0]));
    const [serverMs, epoch, version, damped, given, expelled, records, admittedEpoch, overdue] = rest as OkReply;
    this.#clock.add(Number(serverMs), sentAt, performance.now());
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

  /** The script crosses the wire once per server: then its digest does. */
  async #evaluate(cluster: string, keys: readonly string[], argv: readonly (string | number)[]): Promise<Evaluation> {
    let client: RedisClient | undefined;
    const call = async (): Promise<Evaluation> => {
      client = await this.#connections.client(cluster);
      const sentAt = performance.now();
      const args = [keys.length, ...keys, ...argv] as const;
      const reply = await client.evalsha(SCRIPT_SHA1, ...args).catch((error: unknown) => {
        // Unknown to the server, or to a user whose rules name `eval` alone.
        if (!['NOSCRIPT', 'NOPERM'].includes(wordOf(error))) throw error;
        return client!.eval(SCRIPT, ...args);
      });
      return { reply, sentAt };
    };
    try {
      return await this.#bounded(call());
    } catch (error) {
      const failure = registryError(error);
      // What was sent is still ahead of anything sent later: a new connection starts clean.
      const late = failure.code === 'ERR_REGISTRY_TIMEOUT';
      if (client && (late || leadsToWrongServer(error))) this.#connections.drop(cluster, client);
      throw failure;
    }
  }

  async #bounded<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const expiry = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new RegistryError('ERR_REGISTRY_TIMEOUT', `Redis did not answer in ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
    });
    work.catch(() => undefined); // may reject after the time is over
    try {
      return await Promise.race([work, expiry]);
    } finally {
      clearTimeout(timer);
    }
  }

  #checkOpen(cluster: string): void {
    checkCluster(cluster);
    if (this.#closed) throw new RegistryError('ERR_REGISTRY_CLOSED', 'the registry is closed');
  }
}

interface Evaluation {
  readonly reply: unknown;
  /** On the monotonic clock, ms. */
  readonly sentAt: number;
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
