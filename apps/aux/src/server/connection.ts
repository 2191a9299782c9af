import type { Socket } from 'node:net';
import { Reply, RequestDecoder, RespProtocolError } from '@dcs/resp';
import type { Dispatcher } from '../gate/dispatcher.js';
import type { Later } from '../commands/later-reply.js';
import { type ServerContext, Session } from '../commands/session.js';
import { ReplyQueue } from './reply-queue.js';

export interface ConnectionLimits {
  /** Most bytes in one argument; a request with a longer one ends the connection. */
  readonly maxBulkBytes: number;
  /** Most bytes in a request. */
  readonly maxRequestBytes: number;
  /** Most arguments in a request. */
  readonly maxArguments: number;
  /** Unsent bytes above which no further request is read. */
  readonly highWaterBytes: number;
  /** Unsent bytes above which the connection is cut: its client does not read. */
  readonly maxOutputBytes: number;
  /** Replies still to come above which no further request is read. */
  readonly maxPending: number;
  /** Without a byte for so long the connection is closed; 0 = never. */
  readonly idleTimeoutMs: number;
  /** How long the other end may take from one part of its last replies to the next, and then to end its side. */
  readonly lingerMs: number;
}

export const DEFAULT_LIMITS: Omit<ConnectionLimits, 'maxBulkBytes' | 'maxRequestBytes'> = {
  maxArguments: 131_072,
  highWaterBytes: 2 ** 20,
  maxOutputBytes: 64 * 2 ** 20,
  maxPending: 1024,
  idleTimeoutMs: 0,
  lingerMs: 2000,
};

export interface ConnectionOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly context: ServerContext;
  readonly dispatcher: Dispatcher;
  readonly limits: ConnectionLimits;
  /** Is to call `flush` of this connection when all that has come in, here and elsewhere, is read. */
  readonly flushSoon: (connection: Connection) => void;
  readonly onSlowReader: () => void;
  /** Told of an exception in what this connection does; it is cut then. */
  readonly onDefect: (thrown: unknown) => void;
  readonly onClose: (connection: Connection) => void;
}

/** How long it may take for all of its last replies. */
const LAST_REPLIES_MS = 20_000;

/** HTTP requests that a browser was made to send here: Redis cuts these connections too. */
const CROSS_PROTOCOL: ReadonlySet<string> = new Set(['POST', 'HOST:']);

/**
 * One client: reads requests, runs them in order, and writes the replies to a chunk of requests in one call. It stops
 * reading while a request blocks it, too many replies are still to come, or the client does not take its replies.
 *
 * Replies go out when the event loop has read from all connections, as in Redis: a client that is woken by one of them
 * finds more, where a write at once would wake it for each.
 */
export class Connection {
  readonly session: Session;
  readonly openedAt: number;
  readonly #socket: Socket;
  readonly #dispatcher: Dispatcher;
  readonly #limits: ConnectionLimits;
  readonly #decoder: RequestDecoder;
  readonly #replies = new ReplyQueue();
  readonly #flushSoon: (connection: Connection) => void;
  readonly #onSlowReader: () => void;
  readonly #onDefect: (thrown: unknown) => void;
  /** The socket's own buffer is above the high-water mark. */
  #choked = false;
  #ending = false;
  #flushScheduled = false;

  constructor(options: ConnectionOptions) {
    const { id, socket, context, limits } = options;
    this.#socket = socket;
    this.#dispatcher = options.dispatcher;
    this.#limits = limits;
    this.#flushSoon = options.flushSoon;
    this.#onSlowReader = options.onSlowReader;
    this.#onDefect = options.onDefect;
    this.#decoder = new RequestDecoder({
      maxArguments: limits.maxArguments,
      maxBulkBytes: limits.maxBulkBytes,
      maxRequestBytes: limits.maxRequestBytes,
    });
    const { remoteAddress, remotePort } = socket;
    this.session = new Session(id, `${remoteAddress}:${remotePort}`, this.#decoder, context);
    this.openedAt = context.node.now();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('drain', () => {
      this.#choked = false;
      this.#scheduleFlush();
    });
    socket.prependListener('end', () => this.flush()); // before the socket ends its own side
    socket.on('error', () => socket.destroy()); // a reset by the other end; 'close' follows
    socket.on('close', () => options.onClose(this));
    if (limits.idleTimeoutMs > 0) socket.setTimeout(limits.idleTimeoutMs, () => socket.destroy());
  }

  /** Replies that are still to come. */
  get pending(): number {
    return this.#replies.pending;
  }

  /** Ends when the replies to what was read so far are out. */
  end(): void {
    this.session.closing = true;
    this.flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Reads on, if it may again, and writes the replies that are there. Never throws. */
  flush(): void {
    this.#flushScheduled = false;
    try {
      this.#read();
      this.#flush();
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #take(chunk: Buffer): void {
    try {
      this.session.node.watch.check(); // after a pause of the process this may run before any timer
      this.#decoder.push(chunk);
      this.#read();
    } catch (thrown) {
      this.#failed(thrown);
    }
    this.#scheduleFlush();
  }

  /** A defect costs this connection, and nobody else anything. */
  #failed(thrown: unknown): void {
    this.#onDefect(thrown);
    this.#socket.destroy();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#flushSoon(this);
  }

  #read(): void {
    const { session } = this;
    const decoder = this.#decoder;
    const replies = this.#replies;
    const { highWaterBytes, maxPending } = this.#limits;
    try {
      while (!session.blocked && !session.closing && !this.#choked && !this.#socket.destroyed) {
        if (replies.pending >= maxPending || replies.waitingBytes > highWaterBytes) break;
        if (!decoder.next()) break;
        const reply = this.#dispatcher.execute(session);
        if (typeof reply === 'string') replies.append(reply);
        else this.#hold(reply);
        if (replies.readyBytes > highWaterBytes) this.#flush();
        if (CROSS_PROTOCOL.has(decoder.upper(0))) this.#socket.destroy();
      }
    } catch (error) {
      if (!(error instanceof RespProtocolError)) throw error;
      session.closing = true;
      replies.append(Reply.error(`ERR ${error.message}`));
    }
  }

  #hold(reply: Later): void {
    const release = this.#replies.hold(reply);
    if (release === undefined) return;
    reply.then((text) => {
      release(text);
      this.#scheduleFlush();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket.destroyed || this.#ending) return;
    const replies = this.#replies;
    if (replies.readyBytes > 0) {
      const taken = socket.write(replies.take(), 'latin1');
      if (!taken && socket.writableLength > this.#limits.highWaterBytes) this.#choked = true;
      if (socket.writableLength > this.#limits.maxOutputBytes) {
        this.#onSlowReader();
        socket.destroy();
        return;
      }
    }
    if (this.session.closing && replies.pending === 0) {
      this.#ending = true;
      this.#end();
      return;
    }
    this.#pauseOrResume();
  }

  /**
   * The other end cannot put this off: nothing is read from it before the last replies are out, and from then on what it
   * sends is thrown away, so that its own end is seen, for no longer than `lingerMs`.
   */
  #end(): void {
    const { lingerMs } = this.#limits;
    const socket = this.#socket;
    const cut = () => socket.destroy();
    let deadline = setTimeout(cut, LAST_REPLIES_MS);
    socket.pause();
    socket.setTimeout(lingerMs, cut); // from one part of the last replies to the next
    socket.once('close', () => clearTimeout(deadline));
    socket.end(() => {
      clearTimeout(deadline);
      if (socket.destroyed) return;
      deadline = setTimeout(cut, lingerMs);
      socket.resume();
    });
  }

  #pauseOrResume(): void {
    const replies = this.#replies;
    const full = replies.pending >= this.#limits.maxPending || replies.waitingBytes > this.#limits.highWaterBytes;
    if (this.session.blocked || this.#choked || full) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }
}
