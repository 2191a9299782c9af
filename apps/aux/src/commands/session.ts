import type { RequestDecoder, RespVersion } from '@dcs/resp';
import type { BackupStats } from '@dcs/protocol';
import type { CacheNode } from '../cache-node.js';
import type { Command } from './command.js';
import { detachedRequest } from './detached-request.js';
import type { Later } from './later-reply.js';

/** What a command reads of its request: the decoder's own accessors, so that nothing is copied before it is needed. */
export type Request = Pick<
  RequestDecoder,
  'argc' | 'source' | 'start' | 'end' | 'length' | 'binary' | 'utf8' | 'framed' | 'upper' | 'integer'
>;

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
  /** Whether a secret is set, which every connection must give first. */
  readonly secretRequired: boolean;
  /** Compares in constant time. */
  readonly isSecret: (secret: string) => boolean;
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
  authenticated: boolean;
  /** Set by DCS.HELLO: the other end is one of our own. */
  peer: { readonly role: string; readonly id: string } | undefined;
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
    this.authenticated = !context.secretRequired;
  }

  get node(): CacheNode {
    return this.context.node;
  }

  /** A copy for a request that is answered later, when the connection's decoder has gone on. */
  detached(request = detachedRequest(this.request)): Session {
    const copy = new Session(this.id, this.address, request, this.context);
    copy.protocol = this.protocol;
    copy.authenticated = this.authenticated;
    copy.peer = this.peer;
    copy.slot = this.slot;
    return copy;
  }

  /** Back to what it was when the connection was made. */
  reset(): void {
    this.protocol = 2;
    this.name = '';
    this.authenticated = !this.context.secretRequired;
    this.peer = undefined;
  }
}
