import { connect, type Socket } from 'node:net';
import type { ClientSettings, Handshake } from './client-options.js';
import { encodeCommandLatin1 } from './command.js';
import { Decoder } from './decoder.js';
import { clientError, RespError, RespProtocolError } from './errors.js';
import type { RespValue } from './value.js';

const READ_BUFFER_BYTES = 65_536;

export interface ConnectionEvents {
  onReady(): void;
  onReply(reply: RespValue): void;
  onPush(items: RespValue[]): void;
  /** Once, and the last event. */
  onClose(error: Error): void;
}

/** One socket from its connect to its end: handshake first, then whatever is written, replies as they come. */
export class Connection {
  /** When bytes came last. */
  lastReadAt: number;
  readonly #socket: Socket;
  readonly #decoder: Decoder;
  readonly #events: ConnectionEvents;
  readonly #settings: ClientSettings;
  readonly #timer: NodeJS.Timeout;
  /** Commands of the handshake without a reply, each with its name. */
  readonly #greetings: string[] = [];
  #dialogue: Handshake | undefined;
  #isReady = false;
  #closed = false;

  constructor(settings: ClientSettings, events: ConnectionEvents) {
    this.#settings = settings;
    this.#events = events;
    this.lastReadAt = settings.now();
    this.#decoder = new Decoder({
      bulk: settings.bulk,
      maxBulkBytes: settings.maxBulkBytes,
      onPush: (items) => events.onPush(items),
    });
    const { address, keepAliveMs, connectTimeoutMs } = settings;
    // One read buffer for the connection's life: the decoder copies what it keeps.
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (length: number, bytes: Uint8Array) => this.#read(bytes as Buffer, length),
    };
    this.#socket =
      address.path === undefined
        ? connect({
            host: address.host,
            port: address.port,
            noDelay: true,
            keepAlive: keepAliveMs > 0,
            keepAliveInitialDelay: keepAliveMs,
            onread,
          })
        : connect({ path: address.path, onread });
    this.#timer = setTimeout(
      () => this.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    let failure: Error | undefined;
    this.#socket.on('connect', () => this.#greet());
    this.#socket.on('error', (error) => (failure = error));
    this.#socket.on('close', () => this.#close(failure ?? new Error('connection closed by the peer')));
  }

  /** Bytes written that the kernel has not taken. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  /** Writes a binary string. */
  write(binary: string): void {
    this.#socket.write(binary, 'latin1');
  }

  /** Ends the stream once all is written; the peer's end closes it. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once; `onClose` is called before this returns. */
  destroy(error: Error): void {
    this.#socket.destroy();
    this.#close(error);
  }

  #greet(): void {
    if (this.#closed) return;
    const { handshake } = this.#settings;
    if (typeof handshake === 'function') {
      this.#dialogue = handshake();
      this.#converse();
    } else if (handshake.length === 0) {
      this.#ready();
    } else {
      this.#greetings.push(...handshake.map(([name = '']) => name));
      this.write(handshake.map((args) => encodeCommandLatin1(args)).join(''));
    }
  }

  /** The next command of a handshake that looks at replies. */
  #converse(...reply: [] | [RespValue]): void {
    try {
      const next = this.#dialogue!.next(...(reply as [RespValue]));
      if (next.done) return this.#ready();
      this.#greetings.push(next.value[0] ?? '');
      this.write(encodeCommandLatin1(next.value));
    } catch (error) {
      const { message } = error as Error;
      this.destroy(clientError('ERR_RESP_HANDSHAKE', `handshake failed: ${message}`, false, error as Error));
    }
  }

  #ready(): void {
    this.#isReady = true;
    clearTimeout(this.#timer);
    this.#events.onReady();
  }

  #read(bytes: Buffer, length: number): boolean {
    if (this.#closed) return false;
    this.lastReadAt = this.#settings.now();
    const decoder = this.#decoder;
    try {
      decoder.push(bytes.subarray(0, length));
      while (decoder.next()) {
        if (this.#isReady) this.#events.onReply(decoder.value);
        else this.#onHandshake(decoder.value);
        if (this.#closed) return false; // by what the reply set off
      }
    } catch (error) {
      this.destroy(error as Error);
      return false;
    }
    return true;
  }

  #onHandshake(reply: RespValue): void {
    const name = this.#greetings.shift();
    if (name === undefined) throw new RespProtocolError('Protocol error: a reply to no request');
    if (reply instanceof RespError) {
      this.destroy(clientError('ERR_RESP_HANDSHAKE', `handshake ${name} refused: ${reply.message}`, false, reply));
    } else if (this.#dialogue !== undefined) {
      this.#converse(reply);
    } else if (this.#greetings.length === 0) {
      this.#ready();
    }
  }

  #close(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#events.onClose(error);
  }
}
