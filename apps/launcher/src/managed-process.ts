import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeExit, drainTimeoutMs, EXIT_WITH_PARENT, type ProcessExit } from './cluster-plan.js';
import { LauncherError } from './errors.js';
import { LineSplitter } from './line-splitter.js';
import { probe } from './readiness.js';

/** What to run. */
export interface ProcessSpec {
  readonly name: string;
  readonly script: string;
  /** Options of Node's own. */
  readonly nodeOptions?: readonly string[];
  readonly cwd: string;
  readonly environment: Record<string, string>;
  /** Answers 200 when the process can do its work. */
  readonly readyUrl: string;
}

export interface ProcessListener {
  line(line: string, stream: 'stdout' | 'stderr'): void;
  /** Once per start, when the process has ended and its log has been read. */
  exited(exit: ProcessExit): void;
}

/** How a drained process ended. */
export interface StopOutcome {
  readonly exit: ProcessExit;
  readonly tookMs: number;
  /** It did not end by itself in time. */
  readonly killed: boolean;
}

/** Log lines kept per process. */
export const KEPT_LINES = 1_000;
const POLL_MS = 50;
const PROBE_TIMEOUT_MS = 1_000;
/** Also the last question gets time for an answer, which says more than a timeout. */
const MIN_PROBE_TIMEOUT_MS = 250;
/** How long after the end of a process its pipes may still bring lines. */
const FLUSH_MS = 500;
/** A process that SIGKILL has not ended by then hangs in the kernel. */
const KILL_TIMEOUT_MS = 5_000;

/** One run of one child process, from its start to its end. */
export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #listener: ProcessListener;
  readonly #child: ChildProcess;
  readonly #lines: string[];
  readonly #startedAt = performance.now();
  readonly #ended: Promise<ProcessExit>;
  #exit: ProcessExit | undefined;
  #asked = false;
  #ready = false;

  /** Starts the process. `earlier`: log lines of the run before. */
  constructor(spec: ProcessSpec, listener: ProcessListener, earlier: readonly string[] = []) {
    this.spec = spec;
    this.#listener = listener;
    this.#lines = [...earlier];
    this.#child = spawn(process.execPath, ['--import', EXIT_WITH_PARENT, ...(spec.nodeOptions ?? []), spec.script], {
      cwd: spec.cwd,
      env: spec.environment,
      // The channel is how the process notices that the launcher is gone.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C in a terminal goes to the launcher alone, which stops the processes in order.
      detached: true,
    });
    this.#read('stdout');
    this.#read('stderr');
    this.#ended = this.#awaitEnd();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#exit === undefined;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Whether somebody asked the process to end. */
  get asked(): boolean {
    return this.#asked;
  }

  /** The last lines of its log, oldest first. */
  get lines(): readonly string[] {
    return this.#lines.slice(-KEPT_LINES);
  }

  /**
   * Resolves with the ms since the start when the process is ready.
   * @throws LauncherError ERR_PROCESS_DIED, ERR_NOT_READY after `timeoutMs`, ERR_STOPPED when it was asked to end
   */
  async waitReady(timeoutMs: number): Promise<number> {
    const { name, readyUrl } = this.spec;
    let last = 'no answer';
    for (;;) {
      const left = timeoutMs - (performance.now() - this.#startedAt);
      if (this.#asked) throw new LauncherError('ERR_STOPPED', `${name} was stopped before it was ready`);
      if (this.#exit !== undefined) {
        const text = `${name} died before it was ready: ${describeExit(this.#exit)}`;
        throw new LauncherError('ERR_PROCESS_DIED', text);
      }
      if (left <= 0) {
        const text = `${name} is not ready after ${timeoutMs / 1000} s: ${readyUrl} answers ${last} (more time: --ready-timeout)`;
        throw new LauncherError('ERR_NOT_READY', text);
      }
      const patience = Math.min(PROBE_TIMEOUT_MS, Math.max(MIN_PROBE_TIMEOUT_MS, left));
      const answer = await Promise.race([probe(readyUrl, patience), this.#ended]);
      if (typeof answer === 'string') last = answer;
      else if ('ready' in answer) {
        this.#ready = true;
        return performance.now() - this.#startedAt;
      }
      await Promise.race([sleep(POLL_MS), this.#ended]);
    }
  }

  /** Sends a signal; `false` when the process has ended already. SIGSTOP and SIGCONT do not count as asking it to end. */
  signal(signal: NodeJS.Signals): boolean {
    if (!this.alive) return false;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#asked = true;
    return this.#child.kill(signal);
  }

  /** Resolves when the process has ended; undefined after `timeoutMs`. */
  async waitEnd(timeoutMs: number): Promise<ProcessExit | undefined> {
    const timer = new AbortController();
    const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
    const exit = await Promise.race([this.#ended, timeout]);
    timer.abort();
    return exit ?? undefined;
  }

  /** SIGTERM, and SIGKILL when the process has not drained in its time. */
  async stop(): Promise<StopOutcome> {
    const begun = performance.now();
    this.signal('SIGTERM');
    let exit = await this.waitEnd(drainTimeoutMs(this.spec.environment));
    const killed = exit === undefined;
    if (killed) this.signal('SIGKILL');
    exit ??= (await this.waitEnd(KILL_TIMEOUT_MS)) ?? { code: null, signal: 'SIGKILL' };
    return { exit, killed, tookMs: performance.now() - begun };
  }

  #read(name: 'stdout' | 'stderr'): void {
    const splitter = new LineSplitter((line) => {
      if (line.trim() === '') return;
      this.#lines.push(line);
      // Cut down now and then, not with every line.
      if (this.#lines.length >= 2 * KEPT_LINES) this.#lines.splice(0, this.#lines.length - KEPT_LINES);
      this.#listener.line(line, name);
    });
    const stream = this.#child[name];
    stream?.on('data', (chunk: Buffer) => splitter.write(chunk));
    stream?.on('error', () => undefined); // 'close' follows
    stream?.on('close', () => splitter.end());
  }

  async #awaitEnd(): Promise<ProcessExit> {
    const child = this.#child;
    // Listened for from the start: it may come right behind 'exit'.
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const exit = await new Promise<ProcessExit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', (error) => {
        if (child.pid !== undefined) return; // A signal that could not be sent.
        this.#lines.push(error.message);
        resolve({ code: null, signal: null });
      });
    });
    if (child.pid !== undefined) {
      // A descendant may hold the pipes open for ever.
      const timer = new AbortController();
      await Promise.race([closed, sleep(FLUSH_MS, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    }
    this.#exit = exit;
    this.#listener.exited(exit);
    return exit;
  }
}
