import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Handshake, Reply, type RespValue } from '@dcs/resp';
import { ProtocolError } from './errors.js';
import { PeerKeys } from './peer-keys.js';

/**
 * Versions of what the parts of the cache say to each other, both included.
 * 1: `AUTH <secret>` in clear, then `DCS.HELLO 1 <role> <id>`. 2: challenge and response; the secret is never sent.
 */
export const PROTOCOL_VERSION = 2;
export const OLDEST_PROTOCOL_VERSION = 1;

export type PeerRole = 'master' | 'aux' | 'tool';
const ROLES: ReadonlySet<string> = new Set<PeerRole>(['master', 'aux', 'tool']);

/** Who is at the other end of a connection. */
export interface Peer {
  readonly role: PeerRole;
  readonly id: string;
  /** Protocol version that the two agreed on. */
  readonly version: number;
}

/** Whom a connection is meant to reach. */
export interface PeerTarget {
  readonly id: string;
  /** `host:port`, as the node has it in its member record. */
  readonly address: string;
  /** Protocol versions of its member record. */
  readonly versions: { readonly min: number; readonly max: number };
}

/** A member record, as far as a connection to it needs it. */
interface Reachable {
  readonly id: string;
  readonly host: string;
  readonly dataPort: number;
  /** Absent in records of a release that speaks version 1 only. */
  readonly settings?: { readonly protocol: { readonly min: number; readonly max: number } };
}

const VERSION_1_ONLY = { min: OLDEST_PROTOCOL_VERSION, max: OLDEST_PROTOCOL_VERSION };

export function peerTarget({ id, host, dataPort, settings }: Reachable): PeerTarget {
  return { id, address: peerAddress(host, dataPort), versions: settings?.protocol ?? VERSION_1_ONLY };
}

/** The address of a node, as both ends of a handshake write it. */
export function peerAddress(host: string, dataPort: number): string {
  return `${host}:${dataPort}`;
}

export interface PeerAuthOptions {
  readonly role: PeerRole;
  readonly id: string;
  /** `host:port` at which others reach this process, as in its member record; `''` for one that nobody connects to. */
  readonly address: () => string;
  /** Undefined for a tool that takes the cluster it finds. */
  readonly cluster: string | undefined;
  /** The cluster secret; during a rotation the one in use first, then the other. None: peers are not asked for one. */
  readonly secrets: readonly string[];
  /** Speak version 1 as well, which shows the secret to the other end: for the length of an upgrade. @defaultValue false */
  readonly allowsPlain?: boolean;
  /** 32 hexadecimal digits that nobody can foresee. */
  readonly nonce: () => string;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
  /** Epoch of this process's view. @defaultValue 0 */
  readonly epoch?: () => number;
}

/** What a node waits for after its answer to DCS.HELLO: one proof, once, in time. */
export interface Challenge {
  readonly peer: Peer;
  readonly transcript: readonly string[];
  readonly expiresAt: number;
}

/** The answer to DCS.HELLO; without a challenge the other end is a peer already. */
export interface Greeting {
  readonly reply: string;
  readonly peer: Peer;
  readonly challenge: Challenge | undefined;
}

/** How long the other end may take to prove that it knows the secret, from the answer to its hello on. */
export const PROOF_TIMEOUT_MS = 5000;
const NONCE_BYTES = 16;
const NONCE = /^[0-9a-f]{32}$/;
const FIRST_FIELD = 3;
const MAX_PROOFS = 2;
/** Names and values of a hello, with room for what later versions add. */
const MAX_HELLO_PARTS = 64;

/**
 * How one process of the cache and another make sure of each other, both ways, on every connection:
 *
 *   client                                                     node
 *     DCS.HELLO <min> <max> role .. id .. address .. cluster .. nonce ..   ->
 *                   <-   version .. role .. id .. address .. cluster .. nonce .. epoch .. proofs ..
 *     DCS.AUTH <proof>                                                     ->
 *                                                              <-   OK
 *
 * A proof is an HMAC over everything that both have said, both nonces included, and the direction. The node proves
 * first: one that does not know the secret, or is not the node that the client means, gets no proof and no data. Without a
 * secret the proofs are left out and the hello is all.
 */
export class PeerAuth {
  readonly versions: { readonly min: number; readonly max: number };
  readonly #options: PeerAuthOptions;
  #secrets: readonly string[];
  #keys: PeerKeys | undefined;
  #keysOf: string | undefined;

  constructor(options: PeerAuthOptions) {
    const { secrets, allowsPlain = false } = options;
    this.#options = options;
    this.#secrets = secrets;
    const min = secrets.length === 0 || allowsPlain ? OLDEST_PROTOCOL_VERSION : PROTOCOL_VERSION;
    this.versions = Object.freeze({ min, max: PROTOCOL_VERSION });
  }

  /** Of a tool that talks to nodes and is none. @param secrets none: of a cluster without one */
  static ofTool(id: string, secrets: readonly string[]): PeerAuth {
    return new PeerAuth({
      ...{ role: 'tool', id, address: () => '', cluster: undefined, secrets },
      ...{ nonce: randomNonce, monotonic: () => performance.now() },
    });
  }

  /**
   * Takes other secrets for the handshakes from now on; connections that are up stay.
   * @throws ProtocolError ERR_PROTOCOL_PEER where that would begin or end the asking for a secret: that takes a restart
   */
  replaceSecrets(secrets: readonly string[]): void {
    if (secrets.length > 0 !== this.required) {
      throw new ProtocolError('ERR_PROTOCOL_PEER', 'a first secret, or none any more, takes a restart');
    }
    this.#secrets = secrets;
    this.#keys = undefined;
  }

  /** Whether peers have to know a secret. */
  get required(): boolean {
    return this.#secrets.length > 0;
  }

  /** Whether this binary string is the secret itself, as peers of protocol version 1 send it. In constant time. */
  takesPlain(given: string): boolean {
    if (this.versions.min > OLDEST_PROTOCOL_VERSION) return false;
    const hash = sha256(Buffer.from(given, 'latin1'));
    let isRight = false;
    for (const secret of this.#secrets) if (timingSafeEqual(hash, sha256(Buffer.from(secret, 'utf8')))) isRight = true;
    return isRight;
  }

  /** The handshake of a `RespClient`. @param target none: whoever answers and knows the secret */
  handshake(target?: PeerTarget): readonly (readonly string[])[] | (() => Handshake) {
    if (target !== undefined && target.versions.max < PROTOCOL_VERSION) {
      // Only the first step fails, on every attempt: the member may be replaced by one that speaks more.
      return target.versions.max < this.versions.min ? () => incompatible(target) : this.#plainHandshake();
    }
    return () => this.#converse(target);
  }

  /** The answer to a hello of version 2 or later. @param args the command and its arguments @throws ProtocolError */
  greet(args: readonly string[]): Greeting {
    const { id, cluster = '', address, nonce, monotonic, epoch = () => 0 } = this.#options;
    if (args.length > MAX_HELLO_PARTS)
      throw refusal('parts of the hello', String(args.length), `at most ${MAX_HELLO_PARTS}`);
    const version = this.#agreeOn(args[1], args[2]);
    const given = fieldsOf(args.slice(FIRST_FIELD));
    const role = given.get('role') ?? '';
    if (!ROLES.has(role)) throw refusal('role', role, 'master, aux or tool');
    const theirNonce = given.get('nonce') ?? '';
    if (!NONCE.test(theirNonce)) throw refusal('nonce', theirNonce, '32 hexadecimal digits');
    const theirCluster = given.get('cluster') ?? cluster; // a tool need not know
    if (theirCluster !== cluster) throw refusal('cluster', theirCluster, cluster);
    const said = pairs({ version, role: 'aux', id, address: address(), cluster, nonce: nonce(), epoch: epoch() });
    const transcript = [...args, ...said];
    const peer: Peer = { role: role as PeerRole, id: given.get('id') ?? '', version };
    const answer = [...said, 'proofs', this.#keysFor(cluster).proofs('server', transcript).join(',')];
    return {
      reply: Reply.arrayHeader(answer.length) + answer.map((part) => Reply.bulk(part)).join(''),
      peer,
      challenge: this.required ? { peer, transcript, expiresAt: monotonic() + PROOF_TIMEOUT_MS } : undefined,
    };
  }

  /** Whether the proof answers the challenge, in time. The caller forgets the challenge whatever comes of it. */
  isProven({ transcript, expiresAt }: Challenge, proof: string): boolean {
    if (this.#options.monotonic() > expiresAt) return false;
    return this.#keysFor(this.#options.cluster ?? '').indexOf('client', transcript, [proof]) !== undefined;
  }

  *#converse(target: PeerTarget | undefined): Handshake {
    const { role, id, cluster, address, nonce, epoch = () => 0 } = this.#options;
    const { min, max } = this.versions;
    const mine = nonce();
    const own = { role, id, address: address(), nonce: mine, epoch: epoch() };
    const said = pairs(cluster === undefined ? own : { ...own, cluster });
    const hello = ['DCS.HELLO', String(Math.max(min, PROTOCOL_VERSION)), String(max), ...said];
    const reply = textsOf(yield hello);
    const proofs = reply.at(-1)!.split(',', MAX_PROOFS);
    const theirs = fieldsOf(reply);
    this.#agreeOn(theirs.get('version'), theirs.get('version'));
    const theirCluster = theirs.get('cluster') ?? '';
    if (cluster !== undefined && theirCluster !== cluster) throw refusal('cluster of the node', theirCluster, cluster);
    if (theirs.get('nonce') === mine) throw refusal('nonce of the node', mine, 'another than that of this process');
    if (target !== undefined) {
      for (const field of ['id', 'address'] as const) {
        if (theirs.get(field) !== target[field])
          throw refusal(`${field} of the node`, theirs.get(field), target[field]);
      }
    }
    if (!this.required) {
      if (reply.at(-1) !== '')
        throw new ProtocolError('ERR_PROTOCOL_PEER', 'the node has a cluster secret, this process none');
      return;
    }
    const transcript = [...hello, ...reply.slice(0, -2)];
    const keys = this.#keysFor(theirCluster);
    const key = keys.indexOf('server', transcript, proofs);
    if (key === undefined) {
      throw new ProtocolError('ERR_PROTOCOL_PEER', 'the node has not proven that it knows the cluster secret');
    }
    yield ['DCS.AUTH', keys.proofs('client', transcript)[key]!];
  }

  /** Made when first needed: it takes a while. */
  #keysFor(cluster: string): PeerKeys {
    if (this.#keys === undefined || this.#keysOf !== cluster) {
      this.#keys = new PeerKeys(this.#secrets, cluster);
      this.#keysOf = cluster;
    }
    return this.#keys;
  }

  #plainHandshake(): readonly (readonly string[])[] {
    const { role, id } = this.#options;
    const hello = plainHello(role === 'tool' ? 'aux' : role, id);
    const [secret] = this.#secrets;
    return secret === undefined ? [hello] : [['AUTH', secret], hello];
  }

  #agreeOn(min: string | undefined, max: string | undefined): number {
    const highest = Math.min(Number(max), this.versions.max);
    if (highest >= Math.max(Number(min), PROTOCOL_VERSION)) return highest;
    const { min: from, max: to } = this.versions;
    throw refusal('protocol versions', `${String(min)} to ${String(max)}`, `one of ${from} to ${to}`);
  }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** 32 hexadecimal digits of the system's randomness. */
export function randomNonce(): string {
  return randomBytes(NONCE_BYTES).toString('hex');
}

/** The hello of protocol version 1. Nodes without a secret take it too. */
export function plainHello(role: 'master' | 'aux', id: string): readonly string[] {
  return ['DCS.HELLO', String(OLDEST_PROTOCOL_VERSION), role, id];
}

// eslint-disable-next-line require-yield -- it ends before its first command
function* incompatible({ id, versions }: PeerTarget): Handshake {
  const detail = `${id} speaks protocol versions ${versions.min} to ${versions.max} only`;
  throw new ProtocolError('ERR_PROTOCOL_PEER', `${detail}, in which the cluster secret would be sent in clear`);
}

/** Names and values in turn; values are escaped, so that every part is ASCII. */
function pairs(fields: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(fields).flatMap(([name, value]) => [name, encodeURIComponent(value)]);
}

/** Fields that this version does not know are left to those that do. @throws ProtocolError */
function fieldsOf(parts: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  if (parts.length % 2 !== 0) throw refusal('number of fields', String(parts.length), 'names and values in turn');
  for (let i = 0; i < parts.length; i += 2) {
    const name = parts[i]!;
    if (fields.has(name)) throw refusal('field', name, 'each once');
    try {
      fields.set(name, decodeURIComponent(parts[i + 1]!));
    } catch {
      throw refusal(name, parts[i + 1], 'percent-encoded text');
    }
  }
  return fields;
}

function textsOf(reply: RespValue): string[] {
  if (Array.isArray(reply) && reply.length >= 2) {
    const texts = reply.map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : part));
    if (texts.every((part) => typeof part === 'string') && texts.at(-2) === 'proofs') return texts;
  }
  throw new ProtocolError('ERR_PROTOCOL_PEER', 'the answer to DCS.HELLO cannot be read');
}

function refusal(what: string, got: string | undefined, wanted: string): ProtocolError {
  const shown = JSON.stringify((got ?? 'none').slice(0, 80));
  return new ProtocolError('ERR_PROTOCOL_PEER', `${what}: got ${shown}, want ${wanted}`);
}
