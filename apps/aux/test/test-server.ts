import { connect, type Socket } from 'node:net';
import { MemoryRegistry, type Registry } from '@dcs/cluster-membership';
import { Decoder, encodeCommandBinary, type RespValue } from '@dcs/resp';
import { AuxServer } from '../src/aux-server.js';
import { type AuxConfig, loadConfig } from '../src/config/config.js';
import { createLogger } from '../src/logging.js';

/** A server on a free port of loopback, with a registry in memory; for tests. */
export async function startServer(
  env: Readonly<Record<string, string>> = {},
  registry: Registry = new MemoryRegistry(),
): Promise<AuxServer> {
  const config: AuxConfig = loadConfig({
    env: {
      DCS_ID: 'a1',
      DCS_DATA_PORT: '0',
      DCS_HTTP_PORT: '0',
      DCS_REGISTRY: 'memory:',
      DCS_SHUTDOWN_TIMEOUT_MS: '2000',
      ...env,
    },
    readFile: () => '',
    pid: 1,
    memory: { heapBytes: 2 ** 32, totalBytes: 2 ** 34 },
  });
  const server = new AuxServer({
    config,
    registry,
    log: createLogger({ id: config.id, level: 'silent', format: 'json' }),
    version: '0.0.0-test',
    onDrain: () => void server.close(),
    onFatal: (error) => {
      throw error;
    },
  });
  await server.start(1).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return server;
}

/** A raw connection that remembers all it receives. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  closed = false;
  readonly #decoder = new Decoder({ bulk: 'binary' });
  readonly #replies: RespValue[] = [];
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.#decoder.push(chunk);
      while (this.#decoder.next()) this.#replies.push(this.#decoder.value);
      this.#wake?.();
    });
    this.socket.on('error', () => undefined); // seen as closed
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  send(...args: (string | number)[]): void {
    this.write(encodeCommandBinary(args));
  }

  write(binary: string): void {
    this.socket.write(binary, 'latin1');
  }

  /** The next reply; an error when the connection has ended. */
  async reply(): Promise<RespValue> {
    await this.until(() => this.#replies.length > 0 || this.closed);
    if (this.#replies.length === 0) throw new Error('the connection has ended');
    return this.#replies.shift()!;
  }

  async call(...args: (string | number)[]): Promise<RespValue> {
    this.send(...args);
    return this.reply();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
