import { type ClientSettings, clientSettings, type RespAddress, type RespClientOptions } from './client-options.js';
import { encodeCommandLatin1 } from './command.js';
import { Connection } from './connection.js';
import { clientError, RespClientError, RespError, RespProtocolError } from './errors.js';
import { type RespCallback, RequestQueue } from './request-queue.js';
import type { RespValue } from './value.js';

/** `idle`: no attempt yet; `waiting`: for the next attempt. */
export type RespClientState = 'idle' | 'connecting' | 'ready' | 'waiting' | 'closed';

/** Timeouts are checked this often, or ten times per timeout if that is more often. */
const MAX_TICK_MS = 20;
const TICKS_PER_TIMEOUT = 10;
const DEFAULT_DRAIN_MS = 1000;
/** How long the peer may take to end its side of a closed connection. */
const FIN_WAIT_MS = 100;

/**
 * A pipelined client: one connection, replies matched in order, every request of an event-loop turn in one write.
 *
 * While the first connection is being made requests queue within the bounds; once an attempt has failed they fail at
 * once with `ERR_RESP_NOT_CONNECTED` until a connection is up. A request that timed out fails with `ERR_RESP_TIMEOUT`
 * and its late reply is dropped in its place, so the connection stays usable. One coarse timer serves all requests.
 */
export class RespClient {
  readonly #settings: ClientSettings;
  readonly #options: RespClientOptions;
  readonly #tickMs: number;
  #state: Exclude<RespClientState, 'closed'> = 'idle';
  #connection: Connection | undefined;
  #queue = new RequestQueue();
  /** Encoded requests of this turn (or since before the connection was up), and how many they are. */
  #batch = '';
  #unsent = 0;
  /** The connection's backlog when last looked at: never too low once it has been written to. */
  #backlog = 0;
  #flushing = false;
  #failFast: Error | undefined;
  #attempt = 0;
  #readyAt = 0;
  #tickTimer: NodeJS.Timeout | undefined;
  #reconnectTimer: NodeJS.Timeout | undefined;
  #connectWaiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #closed = false;
  #closing: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;
  #onEnded: (() => void) | undefined;

  /** Does not connect: `connect()` or the first request does. @throws {RespOptionError} */
  constructor(address: RespAddress, options: RespClientOptions = {}) {
    this.#settings = clientSettings(address, options);
    this.#options = options;
    this.#tickMs = Math.max(1, Math.min(MAX_TICK_MS, Math.floor(this.#settings.requestTimeoutMs / TICKS_PER_TIMEOUT)));
  }

  get state(): RespClientState {
    return this.#closed ? 'closed' : this.#state;
  }

  /** Requests whose callback has not been called. */
  get inFlight(): number {
    return this.#queue.live;
  }

  /** Bytes accepted that the kernel has not taken. */
  get pendingBytes(): number {
    return this.#batch.length + (this.#connection?.backlog ?? 0);
  }

  /**
   * Resolves when the connection is up and the handshake done; at once if it is.
   * @throws {RespClientError} ERR_RESP_NOT_CONNECTED or ERR_RESP_HANDSHAKE: this attempt failed (further ones may
   * follow); ERR_RESP_CLOSED
   */
  connect(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError(false));
    if (this.#state === 'ready') return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#connectWaiters.push({ resolve, reject });
      if (this.#state === 'idle') this.#connect();
    });
  }

  /**
   * Sends a request; strings are text (sent as UTF-8), byte arrays go as they are.
   * @throws {RespError} the peer refused; {RespClientError} there is no reply
   */
  request(args: readonly (string | number | Uint8Array)[], timeoutMs?: number): Promise<RespValue> {
    return new Promise((resolve, reject) => {
      const settle: RespCallback = (error, reply) => (error === null ? resolve(reply) : reject(error));
      this.send(encodeCommandLatin1(args), settle, timeoutMs);
    });
  }

  /**
   * Sends one encoded request (a binary string, see `encodeCommandBinary`) without a promise. The callback is called
   * exactly once; before `send` returns if the request is refused at once (not connected, overloaded, closed).
   */
  send(encoded: string, callback: RespCallback, timeoutMs: number = this.#settings.requestTimeoutMs): void {
    if (this.#state !== 'ready' || this.#closed) {
      const refusal = this.#refusal();
      if (refusal !== undefined) return this.#call(callback, refusal, null);
    }
    const queue = this.#queue;
    const { maxInFlight, maxPendingBytes, now } = this.#settings;
    if (queue.length >= maxInFlight) return this.#overloaded(callback, `${queue.length} requests in flight`);
    if (this.#batch.length + this.#backlog + encoded.length > maxPendingBytes) {
      this.#backlog = this.#connection?.backlog ?? 0;
      if (this.#batch.length + this.#backlog + encoded.length > maxPendingBytes) {
        return this.#overloaded(callback, `${this.pendingBytes} bytes pending`);
      }
    }
    queue.push(callback, now() + timeoutMs);
    this.#batch += encoded;
    this.#unsent++;
    if (this.#state === 'ready') this.#scheduleFlush();
    else if (this.#state === 'idle') this.#connect();
    if (this.#tickTimer === undefined) this.#startTick();
  }

  /**
   * Stops: new requests fail with `ERR_RESP_CLOSED`, those in flight have `drainMs` (default 1000) to finish, then the
   * connection ends and the rest fails. Idempotent: later calls return the first one's promise.
   */
  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closed = true;
    return (this.#closing ??= this.#close(options.drainMs ?? DEFAULT_DRAIN_MS));
  }

  /**
   * Ends the connection at once, as if it had been lost: requests in flight fail, and a new one is made as after any loss.
   * For a peer whose replies cannot be trusted. Nothing happens where there is no connection.
   */
  reset(cause: Error): void {
    this.#connection?.destroy(cause);
  }

  /** Why a request cannot be taken now, if so. */
  #refusal(): Error | undefined {
    if (this.#closed) return closedError(false);
    if (this.#failFast === undefined) return undefined;
    return clientError('ERR_RESP_NOT_CONNECTED', `not connected: ${this.#failFast.message}`, false, this.#failFast);
  }

  #overloaded(callback: RespCallback, what: string): void {
    this.#call(callback, clientError('ERR_RESP_OVERLOADED', what, false), null);
  }

  #connect(): void {
    this.#state = 'connecting';
    const connection: Connection = new Connection(this.#settings, {
      onReady: () => this.#onReady(),
      onReply: (reply) => this.#onReply(reply),
      onPush: (items) => this.#guard(() => this.#options.onPush?.(items)),
      onClose: (error) => this.#onClose(error),
    });
    this.#connection = connection;
  }

  #onReady(): void {
    this.#state = 'ready';
    this.#failFast = undefined;
    this.#readyAt = this.#settings.now();
    const waiters = this.#connectWaiters;
    this.#connectWaiters = [];
    for (const { resolve } of waiters) resolve();
    this.#guard(() => this.#options.onReady?.());
    this.#flush();
  }

  #onReply(reply: RespValue): void {
    const queue = this.#queue;
    if (queue.length === this.#unsent) throw new RespProtocolError('Protocol error: a reply to no request');
    const callback = queue.shift();
    if (callback === null) return; // its request timed out
    if (reply instanceof RespError) this.#call(callback, reply, null);
    else this.#call(callback, null, reply);
    if (this.#onDrained !== undefined && queue.live === 0) this.#onDrained();
  }

  #onClose(error: Error): void {
    const wasReady = this.#state === 'ready';
    const queue = this.#queue;
    const sent = queue.length - this.#unsent;
    this.#connection = undefined;
    this.#queue = new RequestQueue();
    this.#batch = '';
    this.#unsent = 0;
    this.#backlog = 0;
    this.#stopTick();
    this.#afterLoss(error, wasReady);

    const waiters = this.#connectWaiters;
    this.#connectWaiters = [];
    const failure = this.#lossError(error, wasReady, false);
    for (const { reject } of waiters) reject(failure);
    const sentFailure = this.#lossError(error, wasReady, true);
    for (let i = 0; queue.length > 0; i++) {
      const callback = queue.shift();
      if (callback !== null) this.#call(callback, i < sent ? sentFailure : failure, null);
    }
    if (!this.#closed) this.#guard(() => this.#options.onDown?.(error));
    this.#onDrained?.();
    this.#onEnded?.();
  }

  /** Decides what comes next, before anyone is told, so that a callback that sends again meets the new state. */
  #afterLoss(error: Error, wasReady: boolean): void {
    const { backoff, random, now } = this.#settings;
    if (backoff === undefined || this.#closed) {
      this.#state = 'idle';
      return;
    }
    // A connection that did not last is one more failure: a peer that accepts and drops is not hammered.
    if (wasReady && now() - this.#readyAt >= backoff.maxMs) this.#attempt = 0;
    const ceiling = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(this.#attempt++, 30));
    this.#failFast = error;
    this.#state = 'waiting';
    this.#reconnectTimer = setTimeout(() => this.#connect(), ceiling * (0.5 + random() / 2));
  }

  #lossError(error: Error, wasReady: boolean, sent: boolean): Error {
    if (this.#closed) return closedError(sent, error);
    if (wasReady) return clientError('ERR_RESP_CONNECTION_LOST', `connection lost: ${error.message}`, sent, error);
    if (error instanceof RespClientError) return error;
    return clientError('ERR_RESP_NOT_CONNECTED', `not connected: ${error.message}`, sent, error);
  }

  /** After the poll phase of this turn: by then every socket that was readable has had its say. */
  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#flushing = false;
    if (this.#state === 'ready') this.#flush();
  };

  #flush(): void {
    if (this.#unsent === 0) return;
    const batch = this.#batch;
    this.#batch = '';
    this.#unsent = 0;
    this.#connection!.write(batch);
    this.#backlog = this.#connection!.backlog;
  }

  #startTick(): void {
    // Judged after the poll phase: replies that arrived while the loop was busy elsewhere count as in time.
    this.#tickTimer = setTimeout(() => setImmediate(() => this.#tick()), this.#tickMs);
  }

  #stopTick(): void {
    clearTimeout(this.#tickTimer);
    this.#tickTimer = undefined;
  }

  #tick(): void {
    if (this.#tickTimer === undefined) return; // stopped meanwhile
    this.#tickTimer = undefined;
    const queue = this.#queue;
    const now = this.#settings.now();
    const expired = queue.expire(now);
    if (expired.length > 0) {
      // Its bytes are in the batch at least, and will be written if the connection comes up: "may reach the peer".
      const failure = clientError('ERR_RESP_TIMEOUT', 'no reply in time', true);
      for (const callback of expired) this.#call(callback, failure, null);
      if (queue.live === 0) this.#onDrained?.();
    }
    if (queue !== this.#queue) return; // a callback saw to it that the connection closed
    const overdue = queue.overdueSince;
    const { stallTimeoutMs } = this.#settings;
    const connection = this.#connection;
    if (this.#state === 'ready' && overdue !== undefined && connection !== undefined) {
      if (now - Math.max(overdue, connection.lastReadAt) >= stallTimeoutMs) {
        connection.destroy(new Error(`nothing received for ${stallTimeoutMs} ms after a timeout`));
        return;
      }
    }
    if (queue.length > 0 && this.#tickTimer === undefined) this.#startTick();
  }

  async #close(drainMs: number): Promise<void> {
    clearTimeout(this.#reconnectTimer);
    const connection = this.#connection;
    if (connection !== undefined) {
      if (this.#queue.live > 0 && drainMs > 0) await within(drainMs, (done) => (this.#onDrained = done));
      this.#onDrained = undefined;
      if (this.#connection === connection) {
        if (this.#state === 'ready') {
          this.#flush();
          connection.end();
          if (this.#queue.live === 0) await within(FIN_WAIT_MS, (done) => (this.#onEnded = done));
        }
        if (this.#connection === connection) connection.destroy(new Error('client closed'));
      }
    }
    this.#stopTick();
    const waiters = this.#connectWaiters;
    this.#connectWaiters = [];
    for (const { reject } of waiters) reject(closedError(false));
  }

  /** A callback that throws must not keep the others from theirs. */
  #call(callback: RespCallback, error: Error | null, reply: RespValue): void {
    try {
      callback(error, reply);
    } catch (thrown) {
      this.#report(thrown);
    }
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#report(thrown);
    }
  }

  #report(thrown: unknown): void {
    const { onCallbackError } = this.#options;
    queueMicrotask(() => {
      if (onCallbackError === undefined) throw thrown;
      onCallbackError(thrown);
    });
  }
}

function closedError(sent: boolean, cause?: Error): RespClientError {
  return clientError('ERR_RESP_CLOSED', 'client closed', sent, cause);
}

/** Resolves when `arm`'s callback is called, or after `ms`. */
function within(ms: number, arm: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    arm(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
