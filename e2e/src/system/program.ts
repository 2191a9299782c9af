import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { eventually } from '../eventually.js';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

const STOP_TIMEOUT_MS = 10_000;

/** A program of another make that runs beside a test, in a process group of its own, with what it wrote so far. */
export class Program {
  readonly #process: ChildProcess;
  readonly #finished: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(command: string, args: readonly string[], { cwd, env }: ProgramOptions = {}) {
    this.#process = spawn(command, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#finished = new Promise((resolve, reject) => {
      this.#process.on('error', reject);
      this.#process.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
    this.#finished.catch(() => undefined); // told to those who wait for it
  }

  get running(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** @throws Error when it still runs after `timeoutMs`; its process group is killed then. */
  async finished(timeoutMs: number): Promise<Finished> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (this.#process.pid !== undefined) process.kill(-this.#process.pid, 'SIGKILL');
        reject(new Error(`still running after ${timeoutMs} ms\n${this.stdout}\n${this.stderr}`));
      }, timeoutMs);
    });
    return Promise.race([this.#finished, late]).finally(() => clearTimeout(timer));
  }

  /** SIGTERM, and SIGKILL to all of its group when that is not enough. Idempotent. */
  async close(): Promise<void> {
    if (this.running) this.signal('SIGTERM');
    await this.finished(STOP_TIMEOUT_MS);
  }
}

/** Runs a program to its end. @throws Error with what it wrote when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  { timeoutMs = 60_000, ...options }: ProgramOptions & { readonly timeoutMs?: number } = {},
): Promise<Finished> {
  const finished = await new Program(command, args, options).finished(timeoutMs);
  if (finished.code === 0) return finished;
  throw new Error(
    `${[command, ...args].join(' ')} ended with ${finished.code}\n${finished.stdout}\n${finished.stderr}`,
  );
}

/** A TCP port of loopback that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** Waits until `url` answers with 200. */
export async function answers(url: string, timeoutMs = 10_000): Promise<void> {
  await eventually(
    async () => {
      const { status } = await fetch(url);
      if (status !== 200) throw new Error(`${url} answers ${status}`);
    },
    { timeoutMs },
  );
}
