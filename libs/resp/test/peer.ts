import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { RespClient } from '../src/client.js';
import type { RespClientOptions } from '../src/client-options.js';
import { RespClientError } from '../src/errors.js';
import { Reply } from '../src/reply.js';
import { RequestDecoder } from '../src/request-decoder.js';
import type { RespValue } from '../src/value.js';

type Handler = (args: string[], socket: Socket) => string;

/** A server that answers with what `handler` makes of a request; what it read is in `reads`, one entry per read. */
export class Peer {
  readonly reads: string[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  #server: Server;

  constructor(public handler: Handler = ([, ...args]) => Reply.bulk(args.join(' '))) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.sockets.add(socket);
      const decoder = new RequestDecoder();
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('data', (chunk) => {
        this.reads.push(chunk.toString('latin1'));
        decoder.push(chunk);
        let out = '';
        while (decoder.next()) {
          out += this.handler(
            Array.from({ length: decoder.argc }, (_, i) => decoder.binary(i)),
            socket,
          );
        }
        if (out !== '' && socket.writable) socket.write(out, 'latin1');
      });
    });
  }

  async listen(at: string | number = 0): Promise<this> {
    await new Promise<void>((resolve) =>
      typeof at === 'string' ? this.#server.listen(at, resolve) : this.#server.listen(at, '127.0.0.1', resolve),
    );
    return this;
  }

  get address() {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  drop(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what: () => boolean): Promise<void> {
  for (let i = 0; !what(); i++) {
    if (i > 500) throw new Error('it did not come to pass within 5 s');
    await wait(10);
  }
}

/** What a request ended with: its reply, or its error's code and whether it was sent. */
export function ended(request: Promise<RespValue>): Promise<unknown> {
  return request.catch((error: unknown) =>
    error instanceof RespClientError ? `${error.code} ${error.sent ? 'sent' : 'unsent'}` : error,
  );
}

/** A peer and clients for each test, closed after it. */
export function useClients() {
  const clients: RespClient[] = [];
  const fixture = {
    peer: new Peer(),
    /** A client of the peer (or of `address`) with a short back-off. */
    clientFor(options: RespClientOptions = {}, address?: { host: string; port: number }): RespClient {
      const client = new RespClient(address ?? fixture.peer.address, {
        reconnect: { minMs: 5, maxMs: 40 },
        ...options,
      });
      clients.push(client);
      return client;
    },
  };
  beforeEach(async () => {
    fixture.peer = await new Peer().listen();
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close({ drainMs: 0 })));
    await fixture.peer.close();
  });
  return fixture;
}
