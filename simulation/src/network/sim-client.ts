import { Decoder, encodeCommandBinary, RespClientError, RespError, type RespValue } from '@dcs/resp';
import type { SimProcess } from '../kernel/sim-process.js';
import type { Connection, Network } from './network.js';

export interface SimClientOptions {
  readonly host: string;
  readonly port: number;
  readonly handshake: readonly (readonly string[])[];
  readonly connectTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly maxInFlight: number;
  readonly reconnect: { readonly minMs: number; readonly maxMs: number };
  readonly random: () => number;
}

export type Callback = (error: Error | null, reply: unknown) => void;

interface Request {
  /** Null once it has timed out: its reply is read and thrown away. */
  callback: Callback | null;
  readonly deadline: number;
}

/**
 * `RespClient` of `@dcs/resp` over the simulated network: one connection, requests in order, each with its time-out;
 * lost connections come back after growing pauses, during which requests fail at once.
 */
export class SimClient {
  readonly #process: SimProcess;
  readonly #network: Network;
  readonly #options: SimClientOptions;
  #state: 'idle' | 'connecting' | 'ready' | 'waiting' | 'closed' = 'idle';
  #queue: Request[] = [];
  #unsent = '';
  #connection: Connection | undefined;
  #abandonConnect: (() => void) | undefined;
  #cancelConnectTimeout: (() => void) | undefined;
  #cancelReconnect: (() => void) | undefined;
  #decoder = new Decoder({ bulk: 'binary' });
  #handshakeLeft = 0;
  #failFast: Error | undefined;
  #attempts = 0;
  #readyAt = 0;
  #lastReadAt = 0;
  #cancelTick: (() => void) | undefined;
  #tickAt = Infinity;
  #flushing = false;

  constructor(process: SimProcess, network: Network, options: SimClientOptions) {
    this.#process = process;
    this.#network = network;
    this.#options = options;
  }

  get connected(): boolean {
    return this.#state === 'ready';
  }

  get inFlight(): number {
    let live = 0;
    for (const { callback } of this.#queue) if (callback !== null) live++;
    return live;
  }

  connect(): void {
    if (this.#state === 'idle') this.#connect();
  }

  send(encoded: string, timeoutMs: number, callback: Callback): void {
    if (this.#state === 'closed') return callback(failure('ERR_RESP_CLOSED', 'client closed', false), null);
    if (this.#state !== 'ready' && this.#failFast !== undefined) {
      const message = `not connected: ${this.#failFast.message}`;
      return callback(failure('ERR_RESP_NOT_CONNECTED', message, false, this.#failFast), null);
    }
    if (this.#queue.length >= this.#options.maxInFlight) {
      return callback(failure('ERR_RESP_OVERLOADED', `${this.#queue.length} requests in flight`, false), null);
    }
    const deadline = this.#process.monotonic() + timeoutMs;
    this.#queue.push({ callback, deadline });
    this.#unsent += encoded;
    if (this.#state === 'ready') this.#flushSoon();
    else if (this.#state === 'idle') this.#connect();
    this.#tickBy(deadline);
  }

  reset(cause: Error): void {
    if (this.#state === 'ready' || this.#state === 'connecting') this.#destroy(cause);
  }

  close(): void {
    if (this.#state === 'closed') return;
    const wasConnecting = this.#state === 'connecting';
    this.#state = 'closed';
    this.#cancelReconnect?.();
    this.#cancelConnectTimeout?.();
    this.#cancelTick?.();
    if (wasConnecting) this.#abandonConnect?.();
    this.#connection?.endedBy(this.#process);
    this.#connection = undefined;
    for (const { callback } of this.#queue.splice(0))
      callback?.(failure('ERR_RESP_CLOSED', 'client closed', true), null);
  }

  #connect(): void {
    this.#state = 'connecting';
    const { host, port, connectTimeoutMs, handshake } = this.#options;
    this.#decoder = new Decoder({ bulk: 'binary' });
    this.#handshakeLeft = handshake.length;
    this.#cancelConnectTimeout = this.#process.after(connectTimeoutMs, () =>
      this.#destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
    );
    this.#abandonConnect = this.#network.connect(
      this.#process,
      host,
      port,
      (connection) => {
        this.#connection = connection;
        this.#lastReadAt = this.#process.monotonic();
        connection.toServer(handshake.map((args) => encodeCommandBinary(args)).join(''));
        return {
          onBytes: (bytes) => {
            if (this.#connection === connection) this.#read(bytes);
          },
          onClose: (error) => {
            if (this.#connection === connection) this.#lost(error);
          },
        };
      },
      (error) => this.#lost(error),
    );
  }

  #read(bytes: string): void {
    this.#lastReadAt = this.#process.monotonic();
    const connection = this.#connection;
    this.#decoder.push(Buffer.from(bytes, 'latin1'));
    while (this.#connection === connection && this.#decoder.next()) this.#take(this.#decoder.value);
  }

  #take(reply: RespValue): void {
    if (this.#handshakeLeft > 0) {
      if (reply instanceof RespError) throw reply;
      if (--this.#handshakeLeft > 0) return;
      this.#cancelConnectTimeout?.();
      this.#state = 'ready';
      this.#failFast = undefined;
      this.#readyAt = this.#process.monotonic();
      this.#flush();
      return;
    }
    const request = this.#queue.shift();
    if (request === undefined) throw new Error('a reply to no request');
    if (reply instanceof RespError) request.callback?.(reply, null);
    else request.callback?.(null, reply);
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#process.soon(() => {
      this.#flushing = false;
      if (this.#state === 'ready') this.#flush();
    });
  }

  #flush(): void {
    if (this.#unsent === '') return;
    const bytes = this.#unsent;
    this.#unsent = '';
    this.#connection!.toServer(bytes);
  }

  /** Gives the connection up from this side. */
  #destroy(error: Error): void {
    const connection = this.#connection;
    if (connection === undefined) this.#abandonConnect?.();
    this.#lost(error);
    connection?.endedBy(this.#process);
  }

  #lost(error: Error): void {
    if (this.#state === 'closed') return;
    const wasReady = this.#state === 'ready';
    const { minMs, maxMs } = this.#options.reconnect;
    const now = this.#process.monotonic();
    this.#cancelConnectTimeout?.();
    this.#connection = undefined;
    const queue = this.#queue.splice(0);
    this.#unsent = '';
    if (wasReady && now - this.#readyAt >= maxMs) this.#attempts = 0;
    const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(this.#attempts++, 30));
    this.#failFast = error;
    this.#state = 'waiting';
    this.#cancelReconnect = this.#process.after(ceiling * (0.5 + this.#options.random() / 2), () => this.#connect());
    const code = wasReady ? 'ERR_RESP_CONNECTION_LOST' : 'ERR_RESP_NOT_CONNECTED';
    const told = failure(code, `${wasReady ? 'connection lost' : 'not connected'}: ${error.message}`, wasReady, error);
    for (const { callback } of queue) callback?.(told, null);
  }

  #tickBy(deadline: number): void {
    if (deadline >= this.#tickAt) return;
    this.#cancelTick?.();
    this.#tickAt = deadline;
    // As in the original: judged when the input that is there has been read.
    const timer = this.#process.after(deadline - this.#process.monotonic(), () =>
      this.#process.soon(() => this.#tick()),
    );
    this.#cancelTick = timer;
  }

  #tick(): void {
    this.#tickAt = Infinity;
    if (this.#state === 'closed') return;
    const now = this.#process.monotonic() + 0.001;
    const expired: Callback[] = [];
    for (const request of this.#queue) {
      if (request.callback === null || request.deadline > now) continue;
      expired.push(request.callback);
      request.callback = null;
    }
    const error = failure('ERR_RESP_TIMEOUT', 'no reply in time', true);
    for (const callback of expired) callback(error, null);
    this.#watchForStall(now);
    let earliest = Infinity;
    for (const { callback, deadline } of this.#queue) if (callback !== null) earliest = Math.min(earliest, deadline);
    if (earliest < Infinity) this.#tickBy(earliest);
  }

  #watchForStall(now: number): void {
    const overdue = this.#queue.find(({ callback }) => callback === null);
    if (this.#state !== 'ready' || overdue === undefined) return;
    const { stallTimeoutMs } = this.#options;
    const silentFor = now - Math.max(overdue.deadline, this.#lastReadAt);
    if (silentFor >= stallTimeoutMs)
      this.#destroy(new Error(`nothing received for ${stallTimeoutMs} ms after a timeout`));
    else this.#tickBy(now + stallTimeoutMs - silentFor);
  }
}

function failure(code: RespClientError['code'], message: string, sent: boolean, cause?: unknown): RespClientError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new RespClientError(code, message, sent, cause);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
