import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

/** A client that sends what it is told and reads only when it is told: HTTP byte by byte. */
export class RawClient {
  #text = '';

  private constructor(readonly socket: Socket) {
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  get(key: string, times = 1): void {
    this.send(`GET /data/${key} HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(times));
  }

  /** Begins to read. */
  read(): void {
    this.socket.on('data', (chunk: Buffer) => (this.#text += chunk.toString('latin1'))).resume();
  }

  /** What it has read, as latin1. */
  get text(): string {
    return this.#text;
  }

  close(): void {
    this.socket.destroy();
  }
}
