import { type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { type Buffers } from '../buffers/buffers.js';
import { type SlowEnd } from '../buffers/slow-ends.js';
import { type GatewayResponse } from './gateway-response.js';

/** Requests of one connection that are worked on at a time; those behind them wait. */
const MAX_ACTIVE_REQUESTS = 8;
/** What a waiting request takes of the budget of answers: its objects, and its headers. */
const WAITING_BYTES = 4096;
/** An answer larger than this is worth cutting a slow reader off. */
const LARGE_BYTES = 65_536;

const CONNECTION = Symbol('connection');

interface ConnectionSocket extends Socket {
  [CONNECTION]?: Connection;
  /** Node's parser of this connection, and what it does with a request: a negative answer ends the parsing. */
  readonly parser?: { onIncoming: (() => number) | null } | null;
}

interface WaitingRequest {
  readonly proceed: () => void;
}

/**
 * What one client connection has under way: a few requests that are worked on, those that wait behind them (HTTP
 * pipelining), and the bytes of answers that it has not read. All bytes are given back when the connection closes,
 * however it does: Node tells nothing of the answers that were queued on it.
 */
export class Connection implements SlowEnd {
  readonly #socket: ConnectionSocket;
  readonly #buffers: Buffers;
  #active = 0;
  #waiting: WaitingRequest[] = [];
  #heldBytes = 0;
  readonly #releases = new Set<() => void>();
  #closed = false;
  #onAnswered: (() => void) | undefined;
  /** The request that came in last. */
  #last: GatewayResponse | undefined;

  private constructor(socket: Socket, buffers: Buffers) {
    this.#socket = socket;
    this.#buffers = buffers;
    if (socket.destroyed) this.#closed = true;
    else socket.once('close', () => this.#close());
  }

  static of(socket: Socket, buffers: Buffers): Connection {
    const own = socket as ConnectionSocket;
    return (own[CONNECTION] ??= new Connection(socket, buffers));
  }

  /**
   * Nothing more comes in on this socket. Calls back when all requests that came in whole are answered, at once where
   * none is open. One whose body has not come to its end will not be answered.
   */
  static whenAnswered(socket: Socket, callback: () => void): void {
    const own = (socket as ConnectionSocket)[CONNECTION];
    if (own === undefined) return callback();
    own.#onAnswered = callback;
    own.#checkAnswered();
  }

  /** Calls `proceed` when this request is among the first few that are not answered yet: at once, as a rule. */
  enter(response: GatewayResponse, proceed: () => void): void {
    response.on('finish', onFinish);
    this.#last = response;
    if (this.#active < MAX_ACTIVE_REQUESTS) {
      this.#active++;
      return proceed();
    }
    if (this.#closed) return;
    if (!this.#buffers.takeAnswer(WAITING_BYTES)) return this.cut();
    this.#heldBytes += WAITING_BYTES;
    this.#waiting.push({ proceed });
    this.#socket.pause();
  }

  /**
   * The answer holds so many bytes until it is read, or until the connection closes.
   * @param taken they were taken from the budget already
   * @returns false when there is no room for them
   */
  hold(response: GatewayResponse, bytes: number, release?: () => void): boolean {
    if (this.#closed) {
      release?.();
      return true;
    }
    if (release === undefined) {
      if (!this.#buffers.takeAnswer(bytes)) return false;
      this.#heldBytes += bytes;
      response.heldBytes = bytes;
    } else {
      this.#releases.add(release);
      response.release = release;
    }
    if (bytes > LARGE_BYTES) this.#buffers.readers.begin(this);
    return true;
  }

  /** The answer was read. */
  left(response: GatewayResponse): void {
    if (this.#closed) return;
    this.#give(response.heldBytes);
    response.heldBytes = 0;
    if (response.release) {
      this.#releases.delete(response.release);
      response.release();
      response.release = undefined;
    }
    if (this.#heldBytes === 0 && this.#releases.size === 0) this.#buffers.readers.done(this);
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#active--;
    } else {
      this.#give(WAITING_BYTES);
      if (this.#waiting.length === 0) this.#socket.resume();
      next.proceed();
    }
    this.#checkAnswered();
  }

  cut(): void {
    // The rest of what was read is not parsed: it may hold thousands of requests, which Node keeps until all connections
    // that can be read in this turn of the event loop have been.
    const { parser } = this.#socket;
    if (parser) parser.onIncoming = () => -1;
    this.#socket.destroy();
  }

  #checkAnswered(): void {
    if (this.#onAnswered === undefined) return;
    const broken = this.#last && !this.#last.writableFinished && !this.#last.req.complete ? 1 : 0;
    if (this.#active + this.#waiting.length > broken) return;
    const callback = this.#onAnswered;
    this.#onAnswered = undefined;
    callback();
  }

  #give(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#buffers.answers.give(bytes);
  }

  #close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#give(this.#heldBytes);
    for (const release of this.#releases) release();
    this.#releases.clear();
    this.#buffers.readers.done(this);
  }
}

function onFinish(this: ServerResponse): void {
  (this.req.socket as ConnectionSocket)[CONNECTION]?.left(this as GatewayResponse);
}
