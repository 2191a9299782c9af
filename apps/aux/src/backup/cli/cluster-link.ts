import { SLOT_COUNT } from '@dcs/consistent-hash';
import {
  decodeDigestReply,
  encodeDigest,
  encodeHeader,
  encodeMerge,
  PeerAuth,
  SLOT_COMPARING,
  SLOT_IN_SYNC,
  SlotSet,
} from '@dcs/protocol';
import { encodeCommandBinary, RespClient, RespError } from '@dcs/resp';
import { type Entry, isTombstone, valueOf } from '../../node/entry.js';

export interface ClusterLinkOptions {
  /** Any node. */
  readonly node: { readonly host: string; readonly port: number };
  /** The cluster secret; a second one is tried as well. None: the cluster has none. */
  readonly secrets: readonly string[];
}

const CALL_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 3000;
/** Of what is sent to a node and not yet answered. */
const MAX_WAITING_BYTES = 8 * 2 ** 20;
const MAX_WAITING = 1000;
const ALL_SLOTS = SlotSet.of(Array.from({ length: SLOT_COUNT }, (_, slot) => slot));

/** A connection to each node of a running cluster, and which of them own a slot. */
export class ClusterLink {
  /** Entries that did not get to all owners; the caller takes them. */
  readonly failed: { readonly key: string; readonly entry: Entry; readonly error: Error }[] = [];
  readonly #options: ClusterLinkOptions;
  readonly #auth: PeerAuth;
  readonly #clients = new Map<string, RespClient>();
  #owners: string[][] = [];
  #epoch = 0;
  #waiting = 0;
  #waitingBytes = 0;
  #onProgress: (() => void) | undefined;

  constructor(options: ClusterLinkOptions) {
    this.#options = options;
    this.#auth = PeerAuth.ofTool('backup-restore', options.secrets);
  }

  /** Learns the nodes and what they own. @throws RespClientError, RespError, ProtocolError */
  async refresh(): Promise<void> {
    const { host, port } = this.#options.node;
    const seeds = [`${host}:${port}`, ...this.#clients.keys()];
    let error: Error | undefined;
    for (const seed of seeds) {
      try {
        return await this.#learnFrom(seed);
      } catch (failure) {
        error ??= failure as Error;
      }
    }
    throw error ?? new Error('no node to ask');
  }

  /** Sends an entry to all owners of its slot. What fails is in {@link failed} once {@link drained}. */
  send(key: string, entry: Entry): void {
    const owners = this.#owners[entry.slot] ?? [];
    const value = isTombstone(entry) ? '' : valueOf(entry);
    const header = encodeHeader(entry, entry.expiresAt, entry.kind);
    const encoded = encodeMerge(this.#epoch, key, header, value, undefined);
    let failure: Error | undefined = owners.length === 0 ? new Error('the slot has no owner') : undefined;
    let left = Math.max(1, owners.length);
    const done = (error: Error | null): void => {
      failure ??= error ?? undefined;
      if (--left === 0 && failure !== undefined) this.failed.push({ key, entry, error: failure });
    };
    if (owners.length === 0) return done(null);
    for (const owner of owners) {
      this.#waiting++;
      this.#waitingBytes += encoded.length;
      this.#client(owner).send(
        encoded,
        (error, reply) => {
          this.#waiting--;
          this.#waitingBytes -= encoded.length;
          done(error ?? (reply === 'OK' ? null : new Error('the answer of a node cannot be read')));
          this.#onProgress?.();
        },
        CALL_TIMEOUT_MS,
      );
    }
  }

  get isBehind(): boolean {
    return this.#waiting > MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES;
  }

  /** Returns when there is room to send more, or, with `all`, when everything is answered or given up. */
  async drained(all = false): Promise<void> {
    while (all ? this.#waiting > 0 : this.isBehind) {
      await new Promise<void>((resolve) => (this.#onProgress = resolve));
    }
    this.#onProgress = undefined;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close({ drainMs: 0 })));
  }

  async #learnFrom(seed: string): Promise<void> {
    const info = String(await this.#call(seed, encodeCommandBinary(['CLUSTER', 'INFO'])));
    const nodes = String(await this.#call(seed, encodeCommandBinary(['CLUSTER', 'NODES'])));
    this.#epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0);
    const owners: string[][] = Array.from({ length: SLOT_COUNT }, () => []);
    const addresses: string[] = [];
    for (const line of nodes.split('\n')) {
      const [, address = '', , , , , , , ...ranges] = line.split(' ');
      if (ranges.length === 0) continue;
      const node = address.slice(0, address.lastIndexOf('@'));
      addresses.push(node);
      for (const range of ranges) {
        const [first = NaN, last = first] = range.split('-').map(Number);
        for (let slot = first; slot <= last; slot++) owners[slot]?.push(node);
      }
    }
    await Promise.all(addresses.map((node) => this.#addReplicas(node, owners)));
    this.#owners = owners;
  }

  /** A node says of which slots it is an owner whose copy is whole, be it the first or another. */
  async #addReplicas(node: string, owners: string[][]): Promise<void> {
    const reply = await this.#call(node, encodeDigest(this.#epoch, ALL_SLOTS));
    const { standings } = decodeDigestReply(reply, SLOT_COUNT);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const isOwner = standings[slot] === SLOT_IN_SYNC || standings[slot] === SLOT_COMPARING;
      if (isOwner && !owners[slot]!.includes(node)) owners[slot]!.push(node);
    }
  }

  #call(node: string, encoded: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const callback = (error: Error | null, reply: unknown): void => (error === null ? resolve(reply) : reject(error));
      this.#client(node).send(encoded, callback, CALL_TIMEOUT_MS);
    });
  }

  #client(node: string): RespClient {
    const known = this.#clients.get(node);
    if (known !== undefined) return known;
    const colon = node.lastIndexOf(':');
    const client = new RespClient(
      { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) },
      {
        bulk: 'binary',
        handshake: this.#auth.handshake(),
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        requestTimeoutMs: CALL_TIMEOUT_MS,
        maxInFlight: 2 * MAX_WAITING,
        maxPendingBytes: 256 * 2 ** 20,
      },
    );
    this.#clients.set(node, client);
    return client;
  }
}

/** Whether the owners may take it later, or elsewhere. */
export function mayPass(error: Error): boolean {
  return !(error instanceof RespError) || /^(STALEVIEW|LOADING|CLUSTERDOWN|TRYAGAIN)/.test(error.message);
}
