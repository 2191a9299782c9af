import { slotOfBinary } from '@dcs/consistent-hash';
import {
  BACKUP_COMMAND,
  compareVersions,
  decodeDeleteReply,
  decodeIncrementReply,
  decodeOk,
  decodeSetReply,
  decodeStatsReply,
  decodeTouchReply,
  DRAIN_COMMAND,
  encodeDelete,
  encodeGet,
  encodeHead,
  encodeIncrement,
  encodeSet,
  encodeTouch,
  formatVersion,
  HybridClock,
  type NodeStats,
  ORIGIN_RANGE,
  parseVersion,
  STATS_COMMAND,
  type Version,
  type WriteCondition,
  type WriteContext,
} from '@dcs/protocol';
import {
  type BackupReceipt,
  type DataPlane,
  type Entry,
  type EntryInfo,
  type IncrementOptions,
  type KeyLocation,
  type NodeDescription,
  type PlaneDescription,
} from './data-plane.js';
import { readEntry, readInfo } from './entry-reply.js';
import { type Command, Operation, type OperationOptions } from './operation.js';
import { Hedging } from './hedging.js';
import { type Connect, type Random, type ReadFrom, type RoutingObserver, type Time, type ViewSource } from './ports.js';
import { ReadCoalescer } from './read-coalescer.js';
import { RetryBudget } from './retry-budget.js';
import { routingError } from './routing-error.js';
import { Suspicion } from './suspicion.js';
import { type Node, Topology } from './topology.js';

export interface AuxDataPlaneOptions {
  readonly membership: ViewSource;
  readonly connect: Connect;
  readonly time: Time;
  readonly random: Random;
  readonly observer: RoutingObserver;
  readonly replicas: number;
  readonly requestTimeoutMs: number;
  readonly operationTimeoutMs: number;
  readonly retryBudgetPercent: number;
  /** Who answers reads. @defaultValue 'primary' */
  readonly readFrom?: ReadFrom;
  /** A read without an answer for so long is sent to a second owner as well; 0 = never. @defaultValue 50 */
  readonly hedgeDelayMs?: number;
}

/** How long the description of the cluster waits for a node, ms. */
const STATS_TIMEOUT_MS = 500;
export const DEFAULT_HEDGE_DELAY_MS = 50;

/** The data plane over our own aux nodes: slot -> primary -> pipelined connection. */
export class AuxDataPlane implements DataPlane {
  readonly topology: Topology;
  readonly suspicion: Suspicion;
  readonly #hedging: Hedging;
  readonly #operations: OperationOptions;
  readonly #time: Time;
  readonly #clock: HybridClock;
  readonly #random: Random;
  readonly #reads: ReadCoalescer<Entry | undefined>;
  /** The greatest version seen, as text: comparing texts is cheaper than reading each. */
  #greatest = '';

  constructor(options: AuxDataPlaneOptions) {
    const { membership, connect, time, random, observer, replicas, retryBudgetPercent } = options;
    this.suspicion = new Suspicion({ time, random });
    this.#hedging = new Hedging(time, options.hedgeDelayMs ?? DEFAULT_HEDGE_DELAY_MS);
    this.topology = new Topology({ membership, connect, replicas, suspicion: this.suspicion });
    this.#time = time;
    this.#random = random;
    this.#clock = new HybridClock({ now: time.wall, origin: this.#newOrigin() });
    this.#operations = {
      topology: this.topology,
      time,
      random,
      observer,
      budget: new RetryBudget(retryBudgetPercent, time.now),
      suspicion: this.suspicion,
      hedging: this.#hedging,
      readFrom: options.readFrom ?? 'primary',
      requestTimeoutMs: options.requestTimeoutMs,
      operationTimeoutMs: options.operationTimeoutMs,
    };
    this.#reads = new ReadCoalescer({
      read: (key, since) => Operation.run(this.#operations, this.#getCommand(key), since),
      now: time.now,
      afterTurn: time.afterTurn,
      onShared: () => observer.coalesced(),
    });
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#reads.read(key);
  }

  head(key: string): Promise<EntryInfo | undefined> {
    return this.#run({
      slot: slotOfBinary(key),
      isRead: true,
      encode: (epoch) => encodeHead(epoch, key),
      decode: (reply) => this.#seen(readInfo(reply)),
    });
  }

  set(key: string, value: string, kind: string, expiresAt: number, condition: WriteCondition) {
    return this.#write(
      key,
      (context) => encodeSet(context, condition, expiresAt, kind, key, value),
      (reply) => {
        const { created, version } = decodeSetReply(reply);
        return { created, version: this.#applied(version) };
      },
    );
  }

  delete(key: string, condition: WriteCondition): Promise<boolean> {
    return this.#write(key, (context) => encodeDelete(context, condition, key), decodeDeleteReply);
  }

  increment(key: string, options: IncrementOptions) {
    return this.#write(
      key,
      (context) => encodeIncrement(context, options, key),
      (reply) => {
        const { value, version } = decodeIncrementReply(reply);
        return { value, version: this.#applied(version) };
      },
    );
  }

  touch(key: string, expiresAt: number): Promise<string | undefined> {
    return this.#write(
      key,
      (context) => encodeTouch(context, expiresAt, key),
      (reply) => {
        const version = decodeTouchReply(reply);
        return version && this.#applied(version);
      },
    );
  }

  locate(key: string): KeyLocation {
    const slot = slotOfBinary(key);
    return { slot, owners: this.topology.table.ownersOf(slot) };
  }

  async describe(): Promise<PlaneDescription> {
    const { topology } = this;
    const members = topology.nodes;
    const heard = await Promise.all(members.map((node) => this.#statsOf(node)));
    const suspects = new Set(heard.flatMap((stats) => stats?.suspects ?? []));
    const nodes = members.map((node, i) => this.#describeNode(node, heard[i], suspects.has(node.member.id)));
    return { epoch: topology.epoch, replicas: topology.table.replicas, nodes };
  }

  unreadyReason(): string | undefined {
    const up = this.topology.nodes.filter(({ member }) => member.state === 'up');
    if (up.length === 0) return 'no cache node is up';
    const unreachable = up.filter(({ connection }) => !connection.connected).length;
    return unreachable === up.length ? 'no cache node can be reached' : undefined;
  }

  /**
   * Asks a member to leave the cluster as on SIGTERM; false when there is no such member.
   * @throws RoutingError ERR_UNAVAILABLE when it does not answer.
   */
  async drain(id: string): Promise<boolean> {
    const node = this.topology.node(id);
    if (!node) return false;
    const { requestTimeoutMs } = this.#operations;
    try {
      await this.#ask(node, DRAIN_COMMAND, decodeOk, requestTimeoutMs);
    } catch (error) {
      throw routingError('ERR_UNAVAILABLE', 'the cache node did not take the call', error);
    }
    return true;
  }

  /** Asks every node that is up for a backup of what it is primary of. Settles within the request timeout. */
  async backup(): Promise<BackupReceipt> {
    const { requestTimeoutMs } = this.#operations;
    const asked: string[] = [];
    const failed: BackupReceipt['failed'][number][] = [];
    const ask = async (node: Node): Promise<void> => {
      const { id } = node.member;
      try {
        await this.#ask(node, BACKUP_COMMAND, decodeOk, requestTimeoutMs);
        asked.push(id);
      } catch (error) {
        const hasNone = (error as Error).message.startsWith('NOBACKUP');
        failed.push({ id, reason: hasNone ? 'no-directory' : 'unreachable' });
      }
    };
    await Promise.all(this.topology.nodes.filter(({ member }) => member.state === 'up').map(ask));
    return { asked: asked.sort(), failed: failed.sort((a, b) => (a.id < b.id ? -1 : 1)) };
  }

  async close(): Promise<void> {
    await this.topology.close();
    this.suspicion.close();
    this.#hedging.close();
  }

  #run<T>(command: Command<T>): Promise<T> {
    return Operation.run(this.#operations, command, this.#time.now());
  }

  #getCommand(key: string): Command<Entry | undefined> {
    return {
      slot: slotOfBinary(key),
      isRead: true,
      encode: (epoch) => encodeGet(epoch, key),
      decode: (reply) => this.#seen(readEntry(reply)),
    };
  }

  /** One stamp for all attempts: a repeat of what was applied already changes nothing. */
  #write<T>(key: string, encode: (context: WriteContext) => string, decode: (reply: unknown) => T): Promise<T> {
    let stamp = this.#clock.next();
    return this.#run({
      slot: slotOfBinary(key),
      isRead: false,
      restamp: () => void (stamp = this.#clock.renew(this.#newOrigin())),
      encode: (epoch, attempt) => encode({ epoch, stamp, attempt }),
      decode: (reply) => {
        this.#reads.close(key);
        return decode(reply);
      },
    });
  }

  #newOrigin(): number {
    return Math.floor(this.#random() * ORIGIN_RANGE);
  }

  #seen<T extends EntryInfo | undefined>(entry: T): T {
    if (entry !== undefined && entry.version > this.#greatest) {
      this.#greatest = entry.version;
      this.#observe(parseVersion(entry.version));
    }
    return entry;
  }

  #applied(version: Version): string {
    this.#observe(version);
    return formatVersion(version);
  }

  /** A version from a clock that runs far ahead is not followed: nodes would refuse our stamps as well. */
  #observe(version: Version): void {
    if (compareVersions(version, this.#clock.last) > 0 && !this.#clock.isAhead(version)) this.#clock.observe(version);
  }

  /** One request to one node, outside of an operation. An answer that cannot be read is none, and ends the link. */
  #ask<T>(node: Node, command: string, decode: (reply: unknown) => T, timeoutMs: number): Promise<T> {
    const { connection } = node;
    return new Promise<T>((resolve, reject) => {
      connection.send(
        command,
        (error, reply) => {
          if (error) return reject(error);
          try {
            resolve(decode(reply));
          } catch (cause) {
            this.#operations.observer.unexpected(cause as Error);
            this.suspicion.disconnected(node);
            connection.reset(cause as Error);
            reject(cause as Error);
          }
        },
        timeoutMs,
      );
    });
  }

  #statsOf(node: Node): Promise<NodeStats | undefined> {
    return this.#ask(node, STATS_COMMAND, decodeStatsReply, STATS_TIMEOUT_MS).catch(() => undefined);
  }

  #describeNode({ member }: Node, stats: NodeStats | undefined, isSuspect: boolean): NodeDescription {
    const { id, host, dataPort, state, incarnation, weight, zone, settings } = member;
    const counts = this.topology.table.slotsOf(id);
    return {
      id,
      address: `${host.includes(':') ? `[${host}]` : host}:${dataPort}`,
      state,
      incarnation,
      weight,
      zone,
      slots: { primary: counts.primary, replica: counts.replica },
      ...(settings && { settings }),
      reachable: stats !== undefined,
      ...(isSuspect && { cutOff: true as const }),
      ...(stats && { stats: nodeStats(stats) }),
    };
  }
}

function nodeStats(stats: NodeStats): NonNullable<NodeDescription['stats']> {
  const { epoch, entries, bytes, maxEntries, maxBytes, hits, misses, handoff, fenced, backup } = stats;
  const lookups = hits + misses;
  const hitRatio = lookups > 0 ? hits / lookups : null;
  const rest = { ...(fenced && { fenced }), ...(backup && { backup }) };
  return { epoch, entries, bytes, maxEntries, maxBytes, hitRatio, handoff, ...rest };
}
