import type { Member, View } from '@dcs/cluster-membership';
import { encodeCommandBinary } from '@dcs/resp';
import type { PeerLink, PeerTransport, Timers } from '../../node/ports.js';
import { isRefusedConnection } from './peer-errors.js';
import { UnreadableReplyError } from './unreadable-reply.js';

export interface PeersOptions {
  readonly selfId: string;
  readonly transport: PeerTransport;
  readonly timers: Timers;
  /** A suspected node answers again. */
  readonly onHealed: (id: string) => void;
  /** How long a probe of a suspect may take. @defaultValue 250 */
  readonly probeTimeoutMs?: number;
  /** First pause between probes; doubles up to eight times itself. @defaultValue 100 */
  readonly probeIntervalMs?: number;
}

interface Peer {
  readonly member: Member;
  readonly link: PeerLink;
  suspect: boolean;
  /** Its last failure was a refused connection. */
  refused: boolean;
  cancelProbe: (() => void) | undefined;
}

const PING = encodeCommandBinary(['PING']);
const MAX_PAUSE_FACTOR = 8;

/** No such node in the view. */
export class UnknownPeerError extends Error {
  readonly code = 'ERR_UNKNOWN_PEER';
  constructor(id: string) {
    super(`no node ${id} in the view`);
  }
}

/** The other nodes of the view: a connection to each, and which of them do not answer. */
export class Peers {
  /** Answers that could not be read. */
  unreadable = 0;
  /** Told of each. */
  onUnreadable: ((id: string, error: Error) => void) | undefined;
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Suspected nodes. */
  get suspects(): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.suspect) count++;
    return count;
  }

  /** Opens connections to new nodes, closes those to nodes that are gone or came back as another process. */
  apply(view: View): void {
    const members = new Map(view.members.map((member) => [member.id, member]));
    for (const [id, peer] of this.#peers) {
      const now = members.get(id);
      const same =
        now !== undefined &&
        now.incarnation === peer.member.incarnation &&
        now.host === peer.member.host &&
        now.dataPort === peer.member.dataPort;
      if (!same) this.#drop(id, peer);
    }
    for (const [id, member] of members) {
      if (id === this.#options.selfId || this.#peers.has(id)) continue;
      this.#peers.set(id, {
        member,
        link: this.#options.transport.open(member),
        suspect: false,
        refused: false,
        cancelProbe: undefined,
      });
    }
  }

  has(id: string): boolean {
    return this.#peers.has(id);
  }

  isSuspect(id: string): boolean {
    return this.#peers.get(id)?.suspect ?? true;
  }

  /**
   * Sends one request. An answer that `decode` cannot read is no answer: the peer is suspected, its link ends, and the
   * callback is told of an {@link UnreadableReplyError} as of any silence.
   * @param decode throws a ProtocolError; it must not change anything
   * @param callback is called exactly once; `reply` counts only where there is no error
   */
  send<T>(
    id: string,
    encoded: string,
    decode: (reply: unknown) => T,
    timeoutMs: number,
    callback: (error: Error | null, reply: T) => void,
  ): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return callback(new UnknownPeerError(id), undefined as T);
    peer.link.send(encoded, timeoutMs, (error, reply) => {
      if (error !== null) return callback(error, undefined as T);
      let decoded: T;
      try {
        decoded = decode(reply);
      } catch (cause) {
        const unreadable = new UnreadableReplyError(id, cause as Error);
        this.unreadable++;
        this.onUnreadable?.(id, unreadable);
        // Before the link ends: the callbacks of its other requests then find the peer under suspicion.
        if (this.#peers.get(id) === peer) this.suspect(id, unreadable);
        callback(unreadable, undefined as T);
        peer.link.reset(unreadable);
        return;
      }
      callback(null, decoded);
    });
  }

  /** Suspected, and its host says that nobody listens there: the process is gone, not just silent. */
  isRefusing(id: string): boolean {
    const peer = this.#peers.get(id);
    return peer === undefined || (peer.suspect && peer.refused);
  }

  /** It did not answer: others stand in for it until it does. */
  suspect(id: string, error: Error): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.refused = isRefusedConnection(error);
    if (peer.suspect) return;
    peer.suspect = true;
    this.#probe(id, peer, this.#options.probeIntervalMs ?? 100);
  }

  close(): void {
    for (const [id, peer] of this.#peers) this.#drop(id, peer);
  }

  #probe(id: string, peer: Peer, pauseMs: number): void {
    const { timers, probeTimeoutMs = 250, probeIntervalMs = 100 } = this.#options;
    peer.cancelProbe = timers.after(pauseMs, () => {
      peer.link.send(PING, probeTimeoutMs, (error, reply) => {
        if (this.#peers.get(id) !== peer) return;
        if (error !== null || reply !== 'PONG') {
          peer.refused = error !== null && isRefusedConnection(error);
          this.#probe(id, peer, Math.min(pauseMs * 2, probeIntervalMs * MAX_PAUSE_FACTOR));
          return;
        }
        peer.suspect = false;
        peer.cancelProbe = undefined;
        this.#options.onHealed(id);
      });
    });
  }

  #drop(id: string, peer: Peer): void {
    peer.cancelProbe?.();
    this.#peers.delete(id);
    peer.link.close();
  }
}
