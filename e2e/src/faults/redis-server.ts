import { Redis } from 'ioredis';
import { eventually } from '../eventually.js';
import { freePort, Program } from '../system/program.js';

/** A real Redis that keeps nothing on disk, on a port of its own, and can be away in several ways. */
export class RedisServer {
  #program: Program;

  private constructor(
    readonly host: string,
    readonly port: number,
    /** What runs a command where it runs. */
    readonly through: readonly string[],
    program: Program,
  ) {
    this.#program = program;
  }

  /**
   * @param host the address that it listens on
   * @param through what runs a command where it is to run
   */
  static async start(host = '127.0.0.1', through: readonly string[] = []): Promise<RedisServer> {
    const port = await freePort();
    const server = new RedisServer(host, port, through, launch(host, port, through));
    await server.#answers();
    return server;
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  /** SIGKILL; what it knew is gone. */
  async kill(): Promise<void> {
    this.#program.signal('SIGKILL');
    await this.#program.finished(5_000);
  }

  /** On the same port, empty. */
  async restart(): Promise<void> {
    this.#program = launch(this.host, this.port, this.through);
    await this.#answers();
  }

  pause(): void {
    this.#program.signal('SIGSTOP');
  }

  resume(): void {
    this.#program.signal('SIGCONT');
  }

  async wipe(): Promise<void> {
    const client = new Redis(this.port, this.host);
    try {
      await client.flushall();
    } finally {
      client.disconnect();
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#program.running) await this.kill();
  }

  async #answers(): Promise<void> {
    const client = new Redis({ host: this.host, port: this.port, lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined); // connect() rejects with it
    try {
      await eventually(async () => {
        if (!this.#program.running) throw new Error(`redis-server ended: ${this.#program.stdout}`);
        if (client.status !== 'ready') await client.connect();
        await client.ping();
      });
    } finally {
      client.disconnect();
    }
  }
}

function launch(host: string, port: number, through: readonly string[]): Program {
  const [command = '', ...args] = [...through, 'redis-server'];
  return new Program(command, [
    ...args,
    '--port',
    String(port),
    '--bind',
    host,
    '--protected-mode',
    'no',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
}
