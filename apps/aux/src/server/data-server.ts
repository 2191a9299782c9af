import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PROOF_TIMEOUT_MS } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import type { Dispatcher } from '../gate/dispatcher.js';
import type { ClientInfo, ServerContext } from '../commands/session.js';
import { Connection, type ConnectionLimits } from './connection.js';
import { beginsAsLink } from './greeting.js';

export interface DataServerOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Of clients; other parts of the cache get in when clients have taken all of them. */
  readonly maxConnections: number;
  /** Most connections of other parts of the cache beyond `maxConnections`. */
  readonly maxLinks: number;
  readonly limits: ConnectionLimits;
  readonly dispatcher: Dispatcher;
  /** Told of an exception in a connection, which is cut then. */
  readonly onDefect: (thrown: unknown) => void;
}

const TOO_MANY = Reply.error('ERR max number of clients reached');
const BACKLOG = 1024;
/** How long a connection beyond those of clients may take for its first bytes. */
const GREETING_MS = 1000;

/** The TCP port on which a node answers RESP. */
export class DataServer {
  /** Connections refused because there were too many, and cut because their clients did not read. */
  refused = 0;
  slowReaders = 0;
  /** Connections accepted since the start. */
  accepted = 0;

  readonly #options: DataServerOptions;
  readonly #connections = new Set<Connection>();
  /** Connections beyond those of clients that have not said a word yet. */
  readonly #ungreeted = new Set<Socket>();
  readonly #unflushed: Connection[] = [];
  readonly #server: Server;
  #context: ServerContext | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: DataServerOptions) {
    this.#options = options;
    this.#server = createServer({ keepAlive: true }, (socket) => this.#accept(socket));
  }

  get maxConnections(): number {
    return this.#options.maxConnections;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get listening(): boolean {
    return this.#server.listening && this.#closing === undefined;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  /** @throws what the system says: EADDRINUSE, EACCES, ... */
  async listen(context: ServerContext): Promise<void> {
    this.#context = context;
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  clients(): ClientInfo[] {
    return [...this.#connections].map(({ session, openedAt }) => ({
      id: session.id,
      address: session.address,
      name: session.name,
      ageSeconds: Math.floor((session.node.now() - openedAt) / 1000),
      protocol: session.protocol,
    }));
  }

  /** Ends connections whose client has a token that is none any more, once what was read is answered. */
  endRevoked(): void {
    for (const connection of this.#connections) {
      const { token, context } = connection.session;
      if (token !== undefined && !context.tokens.has(token)) connection.end();
    }
  }

  /** Accepts nobody any more, sends the replies to what was read, and cuts who is left after the time. Idempotent. */
  async close(timeoutMs = 0): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve())); // not listening: no matter
    for (const connection of this.#connections) connection.end();
    for (const socket of this.#ungreeted) socket.destroy();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, timeoutMs);
    await closed;
    clearTimeout(cut);
  }

  #accept(socket: Socket): void {
    const { maxConnections, maxLinks } = this.#options;
    const taken = this.#connections.size + this.#ungreeted.size;
    if (this.#closing !== undefined || taken >= maxConnections + maxLinks) this.#refuse(socket);
    else if (this.#connections.size < maxConnections) this.#serve(socket);
    else void this.#acceptLink(socket);
  }

  /** Clients that hold all connections must not keep other nodes and gateways out. */
  async #acceptLink(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    this.#ungreeted.add(socket);
    const isLink = await beginsAsLink(socket, GREETING_MS);
    this.#ungreeted.delete(socket);
    if (!isLink || this.#closing !== undefined) return this.#refuse(socket);
    const connection = this.#serve(socket);
    socket.resume();
    const timer = setTimeout(() => {
      if (connection.session.peer !== undefined || this.#connections.size <= this.#options.maxConnections) return;
      this.refused++;
      connection.destroy();
    }, PROOF_TIMEOUT_MS);
    socket.on('close', () => clearTimeout(timer));
  }

  #refuse(socket: Socket): void {
    this.refused++;
    socket.on('error', () => socket.destroy());
    socket.end(TOO_MANY, 'latin1', () => socket.destroy());
  }

  #serve(socket: Socket): Connection {
    const { limits, dispatcher, onDefect } = this.#options;
    this.accepted++;
    const connection = new Connection({
      id: this.accepted,
      socket,
      context: this.#context!,
      dispatcher,
      limits,
      flushSoon: (unflushed) => this.#flushSoon(unflushed),
      onSlowReader: () => this.slowReaders++,
      onDefect,
      onClose: (gone) => this.#connections.delete(gone),
    });
    this.#connections.add(connection);
    return connection;
  }

  #flushSoon(connection: Connection): void {
    if (this.#unflushed.push(connection) > 1) return;
    setImmediate(() => {
      for (const unflushed of this.#unflushed.splice(0)) unflushed.flush();
    });
  }
}
