import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of `node` with what it wrote so far. Killed when a test forgets it: see {@link close}. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#process = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#ended = new Promise((resolve, reject) => {
      this.#process.on('error', reject);
      this.#process.on('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
    this.#ended.catch(() => undefined); // told to those who wait for it
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** @throws Error when the process still runs after `timeoutMs`; it is killed then. */
  async ended(timeoutMs = 15_000): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.kill('SIGKILL');
        reject(new Error(`still running after ${timeoutMs} ms\n${this.stdout}\n${this.stderr}`));
      }, timeoutMs);
    });
    return Promise.race([this.#ended, late]).finally(() => clearTimeout(timer));
  }

  async close(): Promise<void> {
    if (this.running) this.kill('SIGKILL');
    await this.ended();
  }
}

/** Whether a process with this id runs. One that has ended and that its parent has not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^ [ZX]/i.test(stat.slice(stat.lastIndexOf(')') + 1));
  } catch {
    return true; // no /proc
  }
}
