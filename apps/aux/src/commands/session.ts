import type { RequestDecoder, RespVersion } from '@dcs/resp';
import type { ApiToken, ApiTokens } from '@dcs/environment';
import type { BackupStats, Challenge, Peer, PeerAuth } from '@dcs/protocol';
import type { CacheNode } from '../cache-node.js';
import { ACCESS_LEVELS } from './access.js';
import type { Command } from './command.js';
import { detachedRequest } from './detached-request.js';
import type { Later } from './later-reply.js';

/** What a command reads of its request: the decoder's own accessors, so that nothing is copied before it is needed. */
export type Request = Pick<
  RequestDecoder,
  'argc' | 'source' | 'start' | 'end' | 'length' | 'binary' | 'utf8' | 'framed' | 'upper' | 'integer'
>;

/** Whom a client without a name of its own is, as in Redis. */
export const DEFAULT_USER = 'default';

/** A connection as `CLIENT LIST` shows it. */
export interface ClientInfo {
  readonly id: number;
  readonly address: string;
  readonly name: string;
  readonly ageSeconds: number;
  readonly protocol: RespVersion;
}

/** What commands see of the process around the node. */
export interface ServerContext {
  readonly node: CacheNode;
  readonly version: string;
  /** Who may do what. */
  readonly tokens: ApiTokens;
  /** Clients have to give a token before anything else. */
  readonly closedToStrangers: boolean;
  /** How other parts of the cache make themselves known. */
  readonly peers: PeerAuth;
  /** Begins to leave, as on SIGTERM. */
  readonly drain: () => void;
  /** Absent: no backup directory. */
  readonly backup?: { request(): Promise<unknown>; stats(): BackupStats };
  readonly clients: () => ClientInfo[];
  readonly startedAt: number;
  readonly port: () => number;
  /** All commands by name. */
  readonly commands: ReadonlyMap<string, Command>;
  readonly commandsProcessed: () => number;
  readonly maxReplyBytes: number;
}

/** The state of one connection, as its commands see and change it. */
export class Session {
  protocol: RespVersion = 2;
  name = '';
  /** What the client says of its library. */
  libName = '';
  libVersion = '';
  /** What its commands may ask for: see `ACCESS_LEVELS`. */
  level = 0;
  /** The token that the client gave. */
  token: ApiToken | undefined;
  /** The other end is a part of the cache. */
  peer: Peer | undefined;
  /** What the other end of DCS.HELLO is still to prove. */
  challenge: Challenge | undefined;
  /** The client gave the cluster secret itself, as in protocol version 1. */
  gaveSecret = false;
  /** The connection ends when the replies so far are out. */
  closing = false;
  /** No further request is read until this one is done. */
  blocked = false;
  /** Slot of the request's keys; valid in commands that have keys. */
  slot = 0;
  /** The last reply that waits for a group commit of the disk. */
  lastSaved: { readonly commit: object; readonly reply: string; readonly later: Later } | undefined;

  constructor(
    readonly id: number,
    readonly address: string,
    readonly request: Request,
    readonly context: ServerContext,
  ) {
    this.reset();
  }

  get node(): CacheNode {
    return this.context.node;
  }

  /** A copy for a request that is answered later, when the connection's decoder has gone on. */
  detached(request = detachedRequest(this.request)): Session {
    const copy = new Session(this.id, this.address, request, this.context);
    copy.protocol = this.protocol;
    copy.level = this.level;
    copy.token = this.token;
    copy.peer = this.peer;
    copy.slot = this.slot;
    return copy;
  }

  /** Who sends, in Redis's words. */
  get user(): string {
    return this.token?.name ?? DEFAULT_USER;
  }

  get authenticated(): boolean {
    return this.level > ACCESS_LEVELS.open;
  }

  /** The other end has made sure that it is a part of the cache. */
  becomePeer(peer: Peer): void {
    this.peer = peer;
    this.level = ACCESS_LEVELS.peer;
  }

  /** Back to what it was when the connection was made. */
  reset(): void {
    this.protocol = 2;
    this.name = '';
    this.level = this.context.closedToStrangers ? ACCESS_LEVELS.open : ACCESS_LEVELS.admin;
    this.token = undefined;
    this.peer = undefined;
    this.challenge = undefined;
    this.gaveSecret = false;
  }
}
