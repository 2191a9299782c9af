import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  /** The request target byte for byte. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
}

/** `cut`: closes the connection when it has the request. `hang`: never answers. `refuse`: 401, before the body. */
export type Behaviour = 'answer' | 'cut' | 'hang' | 'refuse';

/** Something that listens like a master and remembers what it was asked, readiness apart. */
export class FakeMaster {
  readonly #name: string;
  #server: Server | undefined;
  behaviour: Behaviour = 'answer';
  ready = true;
  /** What it answers with, and the headers on it. */
  body = '{}';
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' };
  seen: Seen[] = [];
  /** Connections accepted over which a request came that was not about readiness. */
  readonly connections = new Set<number>();
  port = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Listens, on the port of the last time if there was one. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => this.#serve(request, response));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  forget(): void {
    this.seen = [];
    this.connections.clear();
    this.behaviour = 'answer';
  }

  /** Stops listening and cuts every connection. Idempotent. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/health/ready') {
      response.writeHead(this.ready ? 200 : 503).end();
      return;
    }
    this.connections.add(request.socket.remotePort ?? 0);
    if (this.behaviour === 'refuse') {
      request.resume();
      response.writeHead(401).end('refused');
      return;
    }
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      this.seen.push({ method, url, headers, bytes });
      if (this.behaviour === 'cut') request.socket.destroy();
      if (this.behaviour !== 'answer') return;
      const length = { 'content-length': Buffer.byteLength(this.body) };
      response.writeHead(200, { ...this.headers, ...length, 'x-master': this.#name }).end(this.body);
    });
  }
}
