import type { Redis } from 'ioredis';
import { type Address, type ServerAccess, openClient, shown, within } from './redis-client.js';

/** The server that takes writes. */
export interface Primary extends Address {
  /** Of the failover that made it the primary; 0 for a single Redis. Of two claims the greater one counts. */
  readonly configEpoch: number;
}

/** Finds the primary. Every method is bounded by the time it is given. */
export interface PrimaryLocator {
  /** Whether keys may have different primaries. */
  readonly isSharded: boolean;
  /** The primary for a key. Rejects when nobody names one, or only an older one than was known before. */
  locate(key: string, timeoutMs: number): Promise<Primary>;
  close(): void;
}

/** A URL that names the server itself. */
export class FixedPrimary implements PrimaryLocator {
  readonly isSharded = false;
  readonly #primary: Primary;

  constructor(address: Address) {
    this.#primary = { ...address, configEpoch: 0 };
  }

  locate(): Promise<Primary> {
    return Promise.resolve(this.#primary);
  }

  close(): void {
    // asks nobody
  }
}

type Question = (client: Redis, asked: Address) => Promise<{ primary: Primary; nodes: readonly Address[] }>;

/** So many servers are asked at most. */
const MAX_ASKED = 16;

/**
 * Asks every Sentinel, or every known node of a Redis Cluster. The claim with the highest config epoch counts. A
 * majority is heard, or a claim that is not older than one seen before: a server that was cut off from the others names
 * the primary of the past. (A majority may go back: Sentinels that were set up anew count from 0.)
 */
export class VotedPrimary implements PrimaryLocator {
  readonly #seeds: readonly Address[];
  readonly #access: ServerAccess;
  readonly #question: (key: string) => Question;
  /** By key: the highest config epoch that counted. */
  readonly #highest = new Map<string, number>();
  readonly #clients = new Map<string, Redis>();
  #nodes: readonly Address[] = [];
  #closed = false;

  private constructor(
    readonly isSharded: boolean,
    seeds: readonly Address[],
    access: ServerAccess,
    question: (key: string) => Question,
  ) {
    this.#seeds = seeds;
    this.#access = access;
    this.#question = question;
  }

  static bySentinels(sentinels: readonly Address[], name: string, access: ServerAccess): VotedPrimary {
    return new VotedPrimary(false, sentinels, access, () => async (client) => {
      const primary = parseSentinelMaster(await client.call('SENTINEL', 'MASTER', name));
      return { primary, nodes: [] };
    });
  }

  static byClusterNodes(nodes: readonly Address[], access: ServerAccess): VotedPrimary {
    return new VotedPrimary(true, nodes, access, (key) => async (client, asked) => {
      const slot = Number(await client.call('CLUSTER', 'KEYSLOT', key));
      const known = parseClusterNodes(String(await client.call('CLUSTER', 'NODES')), asked);
      const primary = primaryOfSlot(known, slot);
      if (!primary) throw new Error(`${shown(asked)} knows no primary of slot ${slot}`);
      return { primary, nodes: known.filter(({ isPrimary }) => isPrimary) };
    });
  }

  async locate(key: string, timeoutMs: number): Promise<Primary> {
    const asked = distinct([...this.#seeds, ...this.#nodes]).slice(0, MAX_ASKED);
    const majority = Math.floor(asked.length / 2) + 1;
    const question = this.#question(key);
    const claims: Primary[] = [];
    let lastError: unknown;
    await new Promise<void>((enough) => {
      let pending = asked.length;
      for (const address of asked) {
        this.#ask(address, question, timeoutMs)
          .then(({ primary, nodes }) => {
            claims.push(primary);
            if (nodes.length > 0) this.#nodes = nodes;
          })
          .catch((error: unknown) => (lastError = error))
          .finally(() => {
            if (--pending === 0 || claims.length >= majority) enough();
          });
      }
    });
    const [first, ...others] = claims;
    if (!first) throw new Error(`nobody names the primary: ${String((lastError as Error)?.message ?? lastError)}`);
    const best = others.reduce((a, b) => (b.configEpoch > a.configEpoch ? b : a), first);
    const highest = this.#highest.get(key) ?? 0;
    if (claims.length < majority && best.configEpoch < highest) {
      throw new Error(
        `only ${claims.length} of ${asked.length} servers name the primary, and an older one: ` +
          `${shown(best)} of config epoch ${best.configEpoch}, known before: ${highest}`,
      );
    }
    this.#highest.set(key, best.configEpoch);
    return best;
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients.values()) client.disconnect();
    this.#clients.clear();
  }

  async #ask(address: Address, question: Question, timeoutMs: number): ReturnType<Question> {
    const key = shown(address);
    const deadline = performance.now() + timeoutMs;
    let client = this.#clients.get(key);
    if (client?.status !== 'ready') {
      client = await openClient(address, this.#access, timeoutMs, () => undefined);
      this.#clients.get(key)?.disconnect();
      if (this.#closed) client.disconnect();
      else this.#clients.set(key, client);
    }
    try {
      return await within(
        Math.max(1, deadline - performance.now()),
        question(client, address),
        `no answer from ${key} in ${timeoutMs} ms`,
      );
    } catch (error) {
      client.disconnect();
      if (this.#clients.get(key) === client) this.#clients.delete(key);
      throw error;
    }
  }
}

/** The reply of `SENTINEL MASTER name`: names and values in turn. */
export function parseSentinelMaster(reply: unknown): Primary {
  const fields = new Map<string, string>();
  const list = Array.isArray(reply) ? reply.map(String) : [];
  for (let i = 0; i + 1 < list.length; i += 2) fields.set(list[i]!, list[i + 1]!);
  const host = fields.get('ip') ?? '';
  const port = Number(fields.get('port'));
  const configEpoch = Number(fields.get('config-epoch'));
  if (host === '' || !Number.isSafeInteger(port) || !Number.isSafeInteger(configEpoch)) {
    throw new Error('the Sentinel does not name the address and config epoch of the primary');
  }
  return { host, port, configEpoch };
}

export interface ClusterNode extends Primary {
  readonly isPrimary: boolean;
  /** First and last of each range of slots. */
  readonly slots: readonly (readonly [number, number])[];
}

/** The reply of `CLUSTER NODES`: a line per node, `id ip:port@bus[,name] flags primary ping pong epoch link slot...`. */
export function parseClusterNodes(reply: string, asked: Address): ClusterNode[] {
  const nodes: ClusterNode[] = [];
  for (const line of reply.split('\n')) {
    const [, address = '', flags = '', , , , epoch, , ...ranges] = line.trim().split(' ');
    const match = /^(.*):(\d+)(?:@\d+)?(?:,.*)?$/.exec(address);
    if (!match) continue;
    const slots = ranges
      .map((range) => /^(\d+)(?:-(\d+))?$/.exec(range)) // slots on the move are in brackets
      .flatMap((range) => (range ? [[Number(range[1]), Number(range[2] ?? range[1])] as const] : []));
    const words = flags.split(',');
    const host = match[1] === '' ? asked.host : match[1]!;
    const isPrimary = words.includes('master') && !words.includes('noaddr');
    nodes.push({ host, port: Number(match[2]), configEpoch: Number(epoch), isPrimary, slots });
  }
  return nodes;
}

function primaryOfSlot(nodes: readonly ClusterNode[], slot: number): Primary | undefined {
  return nodes.find(({ isPrimary, slots }) => isPrimary && slots.some(([a, b]) => a <= slot && slot <= b));
}

function distinct(addresses: readonly Address[]): Address[] {
  return [...new Map(addresses.map(({ host, port }) => [shown({ host, port }), { host, port }])).values()];
}
