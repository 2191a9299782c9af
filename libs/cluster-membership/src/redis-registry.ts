import { createHash } from 'node:crypto';
import { ClockOffset, type ClockReading } from './clock-offset.js';
import { type DampingPolicy, checkedDamping } from './damping.js';
import { MemberSupersededError, RegistryError, checkFields, invalid } from './errors.js';
import { EMPTY_VIEW, type Member, type View, checkCluster, checkInteger, checkedMember, freezeView } from './member.js';
import type { RedisClient } from './redis-client.js';
import { leadsToWrongServer, registryError, wordOf } from './redis-error.js';
import { GivenClient, OwnConnections, type RedisConnections } from './redis-connections.js';
import { SCRIPT, SCRIPT_KEYS } from './redis-script.js';
import { RedisSubscription } from './redis-subscription.js';
import {
  DEFAULT_LEASE_MS,
  type Heartbeat,
  type HeartbeatResult,
  type ReadOptions,
  type Registry,
  checkedHeartbeat,
  checkedLast,
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
  /** The last view per cluster, so that an unchanged one does not cross the wire. */
  readonly #known = new Map<string, View>();
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
    const { member, leaseMs, last, accuses } = checkedHeartbeat(request);
    const { id, incarnation } = member;
    const lines = accuses.map(({ id: accused, incarnation: of, kind }) => `${kind[0]}:${of}:${accused}`);
    const [record, leaving] = [JSON.stringify(member), isLeaving(member)];
    const call = { operation: 'heartbeat', id, incarnation, leaseMs, last, record, leaving, accuses: lines.join('\n') };
    return this.#run(cluster, call);
  }

  async remove(cluster: string, id: string, incarnation: number, last?: View): Promise<View> {
    checkInteger('incarnation', incarnation, 0);
    const call = { ...LOOK, operation: 'remove', id, incarnation, leaseMs: DEFAULT_LEASE_MS, last: checkedLast(last) };
    return (await this.#run(cluster, call)).view;
  }

  async read(cluster: string, options?: ReadOptions): Promise<View> {
    return (await this.#run(cluster, { ...LOOK, ...checkedRead(options) })).view;
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

  async #run(cluster: string, call: Call): Promise<HeartbeatResult> {
    this.#checkOpen(cluster);
    const known = this.#known.get(cluster);
    let evaluation = await this.#evaluate(cluster, this.#arguments(cluster, call, known, false));
    // What every process adopts the registry has given out: only where it may not know it does the view cross the wire.
    if ((evaluation.reply as Reply)[0] === 'last') {
      evaluation = await this.#evaluate(cluster, this.#arguments(cluster, call, known, true));
    }
    const { reply, sentAt } = evaluation;
    const [status, ...rest] = reply as Reply;
    if (status === 'superseded') throw new MemberSupersededError(call.id, call.incarnation, Number(rest[0]));
    const [serverMs, epoch, damped, given, expelled, records, admittedEpoch, overdue] = rest as OkReply;
    this.#clock.add(Number(serverMs), sentAt, performance.now());
    return {
      view: given === '1' || !known ? this.#keep(cluster, Number(epoch), records) : known,
      expelled: idsOf(expelled),
      damped: damped === '1',
      admittedEpoch: Number(admittedEpoch),
      overdue: idsOf(overdue).filter((id) => id !== call.id),
      serverTimeMs: Number(serverMs),
    };
  }

  #arguments(cluster: string, call: Call, known: View | undefined, withLast: boolean): (string | number)[] {
    const { freeCrashes, baseHoldMs, maxHoldMs, windowMs } = this.#damping;
    const { operation, id, incarnation, leaseMs, last, record, leaving, accuses } = call;
    const members = withLast
      ? last.members.flatMap((each) => [
          each.id,
          each.incarnation,
          isLeaving(each),
          JSON.stringify(checkedMember(each)),
        ])
      : [];
    return [
      ...[operation, channelOf(cluster), id, incarnation, leaseMs, last.epoch, withLast ? 1 : 0, record, leaving],
      ...[known?.epoch ?? '', freeCrashes, baseHoldMs, maxHoldMs, windowMs, accuses, ...members],
    ];
  }

  #keep(cluster: string, epoch: number, records: readonly string[]): View {
    if (epoch === 0) return EMPTY_VIEW;
    let members: Member[];
    try {
      members = records.map((record) => Object.freeze(JSON.parse(record) as Member));
    } catch (error) {
      throw new RegistryError('ERR_REGISTRY_CORRUPT', 'a member record in Redis is not JSON', { cause: error });
    }
    const view = freezeView(epoch, members);
    this.#known.set(cluster, view);
    return view;
  }

  /** The script crosses the wire once per server: then its digest does. */
  async #evaluate(cluster: string, argv: readonly (string | number)[]): Promise<Evaluation> {
    let client: RedisClient | undefined;
    const keys = SCRIPT_KEYS.map((key) => `dcs:{${cluster}}:${key}`);
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

/** What the script is told. */
interface Call {
  readonly operation: string;
  readonly id: string;
  readonly incarnation: number;
  readonly leaseMs: number;
  readonly last: View;
  readonly record: string;
  readonly leaving: number;
  readonly accuses: string;
}

const LOOK = { operation: 'read', id: '', incarnation: 0, record: '', leaving: 0, accuses: '' };

interface Evaluation {
  readonly reply: unknown;
  /** On the monotonic clock, ms. */
  readonly sentAt: number;
}

type Reply = readonly ['ok' | 'superseded' | 'last', ...unknown[]];
type OkReply = [
  serverMs: string,
  epoch: string,
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

function isLeaving({ state }: Member): number {
  return state === 'leaving' ? 1 : 0;
}

function channelOf(cluster: string): string {
  return `dcs:{${cluster}}:changes`;
}
