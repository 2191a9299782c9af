import { connect, type Socket } from 'node:net';
import type { ClientSettings } from './client-options.js';
import { encodeCommandLatin1 } from './command.js';
import { Decoder } from './decoder.js';
import { clientError, RespError } from './errors.js';
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
  #handshakeLeft: number;
  #closed = false;

  constructor(settings: ClientSettings, events: ConnectionEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#handshakeLeft = settings.handshake.length;
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
    if (this.#handshakeLeft === 0) this.#ready();
    else this.write(this.#settings.handshake.map((args) => encodeCommandLatin1(args)).join(''));
  }

  #ready(): void {
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
        if (this.#handshakeLeft > 0) this.#onHandshake(decoder.value);
        else this.#events.onReply(decoder.value);
        if (this.#closed) return false; // by what the reply set off
      }
    } catch (error) {
      this.destroy(error as Error);
      return false;
    }
    return true;
  }

  #onHandshake(reply: RespValue): void {
    const { handshake } = this.#settings;
    const command = handshake[handshake.length - this.#handshakeLeft]!;
    this.#handshakeLeft--;
    if (reply instanceof RespError) {
      const name = command[0] ?? '';
      this.destroy(clientError('ERR_RESP_HANDSHAKE', `handshake ${name} refused: ${reply.message}`, false, reply));
    } else if (this.#handshakeLeft === 0) {
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
