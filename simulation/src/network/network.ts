import type { Kernel } from '../kernel/kernel.js';
import type { Random } from '../kernel/random.js';
import type { SimProcess } from '../kernel/sim-process.js';
import { Pipe } from './pipe.js';

/** One end of a connection, as the other end and the world act on it. */
export interface Endpoint {
  /** The connection is gone; called once. */
  onClose(error: Error): void;
}

export interface Acceptor {
  readonly process: SimProcess;
  accept(connection: Connection): ServerEndpoint;
}

export interface ServerEndpoint extends Endpoint {
  onBytes(bytes: string): void;
}

const MIN_DELAY_MS = 0.05;
const BYTES_PER_MS = 100_000;
/** A rare hiccup of a healthy network. */
const HICCUP_CHANCE = 0.002;
const HICCUP_MS = 30;
const MAX_RETRANSMISSION_MS = 1500;

/** An error of the system's, with its code. */
export class NetworkError extends Error {
  constructor(
    readonly code: 'ECONNREFUSED' | 'ECONNRESET' | 'EPIPE',
    message: string = code,
  ) {
    super(message);
  }
}

/** All machines and the ways between them: delays, cuts in one direction or both, slow ways, resets. */
export class Network {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #maxDelayMs: number;
  readonly #listeners = new Map<string, Acceptor>();
  readonly #connections = new Set<Connection>();
  /** `from>to` -> when the way was cut. */
  readonly #cuts = new Map<string, number>();
  /** Machines that are off. */
  readonly #down = new Set<string>();
  readonly #slow = new Map<string, number>();
  readonly #watches = new Map<string, (bytes: string) => void>();

  /** @param maxDelayMs of a message on a healthy way */
  constructor(kernel: Kernel, random: Random, maxDelayMs: number) {
    this.#kernel = kernel;
    this.#random = random;
    this.#maxDelayMs = maxDelayMs;
  }

  delay(from: SimProcess, to: SimProcess, bytes: number): number {
    const slow = this.#slow.get(way(from, to)) ?? 0;
    const hiccup = this.#random.chance(HICCUP_CHANCE) ? this.#random.float() * HICCUP_MS : 0;
    const base = this.#random.between(MIN_DELAY_MS, this.#maxDelayMs) + bytes / BYTES_PER_MS;
    return base + hiccup + slow * this.#random.between(0.5, 1);
  }

  isCut(from: SimProcess, to: SimProcess): boolean {
    return this.#cuts.has(way(from, to)) || this.#down.has(from.name) || this.#down.has(to.name);
  }

  /** From now on nothing gets from one to the other. */
  cut(from: SimProcess, to: SimProcess): void {
    if (!this.#cuts.has(way(from, to))) this.#cuts.set(way(from, to), this.#kernel.now);
  }

  heal(from: SimProcess, to: SimProcess): void {
    const since = this.#cuts.get(way(from, to));
    if (since === undefined) return;
    this.#cuts.delete(way(from, to));
    const longest = Math.min(this.#kernel.now - since, MAX_RETRANSMISSION_MS);
    for (const connection of [...this.#connections])
      connection.release(from.name, to.name, longest * this.#random.float());
  }

  /** The machine is off: nobody answers for its processes. */
  switchOff(process: SimProcess): void {
    this.#down.add(process.name);
  }

  /** What this process has sent and has not arrived is lost, but for what is on its way to `spared`. */
  loseSent(from: SimProcess, spared: SimProcess): void {
    for (const connection of this.#connections) connection.loseSent(from, spared);
  }

  /** It is on again; of the connections it had it knows nothing. */
  switchOn(process: SimProcess): void {
    this.#down.delete(process.name);
    for (const connection of [...this.#connections]) {
      if (connection.client.name === process.name || connection.server.name === process.name) connection.reset();
    }
  }

  /** Calls back with every answer that one process sends to the other, in the moment in which it leaves. */
  watchReplies(from: SimProcess, to: SimProcess, watch: (bytes: string) => void): void {
    this.#watches.set(way(from, to), watch);
  }

  unwatchReplies(from: SimProcess, to: SimProcess): void {
    this.#watches.delete(way(from, to));
  }

  /** The server of a connection has sent an answer. */
  replied(from: SimProcess, to: SimProcess, bytes: string): void {
    if (this.#watches.size > 0) this.#watches.get(way(from, to))?.(bytes);
  }

  /** Adds up to `ms` to everything on this way; 0 ends it. */
  slow(from: SimProcess, to: SimProcess, ms: number): void {
    if (ms === 0) this.#slow.delete(way(from, to));
    else this.#slow.set(way(from, to), ms);
  }

  listen(host: string, port: number, acceptor: Acceptor): void {
    this.#listeners.set(`${host}:${port}`, acceptor);
  }

  /**
   * Connects; `opened` or `failed` is called in the caller's process. Neither is while the way is cut: the caller has
   * its own time-out, after which it calls what this returns.
   */
  connect(
    from: SimProcess,
    host: string,
    port: number,
    opened: (connection: Connection) => Endpoint & { onBytes(bytes: string): void },
    failed: (error: Error) => void,
  ): () => void {
    const acceptor = this.#listeners.get(`${host}:${port}`);
    if (acceptor === undefined) {
      const cancel = this.#kernel.at(this.#kernel.now, from, 'refused', () => failed(new NetworkError('ECONNREFUSED')));
      return cancel;
    }
    const to = acceptor.process;
    const out = new Pipe(this, from, to);
    const back = new Pipe(this, to, from);
    const connection = new Connection(this, from, to, out, back);
    this.#connections.add(connection);
    const abandon = (): void => connection.drop();
    out.send(
      'syn',
      '',
      () => {
        if (!to.isAlive) {
          back.send('refused', '', () => {
            connection.drop();
            failed(new NetworkError('ECONNREFUSED', `connect ECONNREFUSED ${host}:${port}`));
          });
          return;
        }
        connection.accept(acceptor);
        back.send('open', '', () => connection.open(opened));
      },
      true,
    );
    return abandon;
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** Connections between two processes, in the order in which they were made. */
  between(a: SimProcess, b: SimProcess): Connection[] {
    return [...this.#connections].filter(
      ({ client, server }) =>
        (client.name === a.name && server.name === b.name) || (client.name === b.name && server.name === a.name),
    );
  }

  /** The process is gone: its machine closes its connections, unless it is gone too. */
  killed(process: SimProcess): void {
    for (const connection of [...this.#connections]) {
      if (connection.client === process || connection.server === process) connection.endedBy(process);
    }
  }
}

/** A TCP connection. */
export class Connection {
  readonly client: SimProcess;
  readonly server: SimProcess;
  readonly #network: Network;
  readonly #out: Pipe;
  readonly #back: Pipe;
  #clientEnd: (Endpoint & { onBytes(bytes: string): void }) | undefined;
  #serverEnd: ServerEndpoint | undefined;

  constructor(network: Network, client: SimProcess, server: SimProcess, out: Pipe, back: Pipe) {
    this.#network = network;
    this.client = client;
    this.server = server;
    this.#out = out;
    this.#back = back;
  }

  accept(acceptor: Acceptor): void {
    this.#serverEnd = acceptor.accept(this);
  }

  open(opened: (connection: Connection) => Endpoint & { onBytes(bytes: string): void }): void {
    this.#clientEnd = opened(this);
  }

  toServer(bytes: string): void {
    this.#out.send('request', bytes, () => this.#serverEnd?.onBytes(bytes));
  }

  toClient(bytes: string): void {
    this.#back.send('reply', bytes, () => this.#clientEnd?.onBytes(bytes));
    this.#network.replied(this.server, this.client, bytes);
  }

  loseSent(from: SimProcess, spared: SimProcess): void {
    for (const pipe of [this.#out, this.#back]) if (pipe.from === from && pipe.to !== spared) pipe.close();
  }

  release(from: string, to: string, extraMs: number): void {
    for (const pipe of [this.#out, this.#back]) {
      if (pipe.from.name === from && pipe.to.name === to) pipe.release(extraMs);
    }
  }

  /** Closed by one end in order: what was sent before still arrives. */
  endedBy(process: SimProcess): void {
    const pipe = process === this.client ? this.#out : this.#back;
    const other = process === this.client ? this.#back : this.#out;
    if (process === this.client) this.#clientEnd = undefined;
    else this.#serverEnd = undefined;
    other.close();
    const end = (): void => {
      const error = new NetworkError('ECONNRESET', 'the other end closed the connection');
      const left = process === this.client ? this.#serverEnd : this.#clientEnd;
      this.drop();
      left?.onClose(error);
    };
    pipe.send('end', '', end);
  }

  /** Torn: what is on the way is lost, and both ends hear of it at once. */
  reset(): void {
    const client = this.#clientEnd;
    const server = this.#serverEnd;
    this.drop();
    const { kernel } = this.client;
    const error = new NetworkError('ECONNRESET');
    kernel.at(kernel.now, this.client, 'reset', () => client?.onClose(error));
    kernel.at(kernel.now, this.server, 'reset', () => server?.onClose(error));
  }

  /** Nothing more in either direction; nobody is told. */
  drop(): void {
    this.#out.close();
    this.#back.close();
    this.#clientEnd = undefined;
    this.#serverEnd = undefined;
    this.#network.forget(this);
  }
}

function way(from: SimProcess, to: SimProcess): string {
  return `${from.name}>${to.name}`;
}
