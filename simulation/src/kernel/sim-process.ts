import type { SimEvent } from './event-queue.js';
import type { Kernel } from './kernel.js';
import type { Random } from './random.js';

/** Where the simulated wall clocks begin, ms since the Unix epoch. */
export const WALL_EPOCH_MS = 1_700_000_000_000;

/** How a process's clocks differ from the world's. */
export interface ClockFault {
  /** Wall clock minus true time, ms. */
  readonly offsetMs: number;
  /** Seconds that both clocks count in one true second. */
  readonly rate: number;
}

/**
 * One operating system process: clocks of its own, timers, and the two things that can happen to it from outside. A
 * paused process gets nothing until it is resumed, then everything at once, as with SIGSTOP and SIGCONT. A killed one
 * gets nothing any more; what runs under its name later is another one, with the same clocks.
 */
export class SimProcess {
  isAlive = true;
  readonly name: string;
  readonly kernel: Kernel;
  readonly random: Random;
  #clock: ClockFault = { offsetMs: 0, rate: 1 };
  #wallBase = WALL_EPOCH_MS;
  #monotonicBase = 0;
  #changedAt = 0;
  #paused = false;
  #deferred: SimEvent[] = [];

  constructor(kernel: Kernel, name: string, random: Random) {
    this.kernel = kernel;
    this.name = name;
    this.random = random;
    this.#monotonicBase = random.integer(1_000, 1_000_000);
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Wall clock, ms since the Unix epoch. */
  readonly wall = (): number =>
    Math.floor(this.#wallBase + this.#clock.offsetMs + (this.kernel.now - this.#changedAt) * this.#clock.rate);

  /** Monotonic clock, ms: does not jump with the wall clock, but runs at the same wrong rate. */
  readonly monotonic = (): number => this.#monotonicBase + (this.kernel.now - this.#changedAt) * this.#clock.rate;

  setClock(clock: ClockFault): void {
    const elapsed = (this.kernel.now - this.#changedAt) * this.#clock.rate;
    this.#wallBase += elapsed;
    this.#monotonicBase += elapsed;
    this.#changedAt = this.kernel.now;
    this.#clock = clock;
  }

  /** The wall clock jumps to this difference from true time; nothing else changes. */
  stepClock(offsetMs: number): void {
    this.setClock({ ...this.#clock, offsetMs });
  }

  /** Calls back once after `ms` of this process's time; the result cancels it. */
  readonly after = (ms: number, callback: () => void): (() => void) =>
    this.kernel.at(this.kernel.now + Math.max(0, ms) / this.#clock.rate, this, 'timer', callback);

  /** Calls back when everything that is due now has run, as `setImmediate` does. */
  readonly soon = (callback: () => void): void => {
    this.kernel.at(this.kernel.now, this, 'soon', callback);
  };

  /** Timers in the form of the platform's. */
  readonly platformTimers = {
    setTimeout: (callback: () => void, ms: number): unknown => this.after(ms, callback),
    clearTimeout: (handle: unknown): void => (handle as (() => void) | undefined)?.(),
  };

  pause(): void {
    this.#paused = true;
  }

  /** What came meanwhile arrives now: all timers that are due, and all input, one before the other. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    const timersFirst = this.random.chance(0.5);
    for (const event of deferred) if ((event.label === 'timer') === timersFirst) this.kernel.again(event);
    for (const event of deferred) if ((event.label === 'timer') !== timersFirst) this.kernel.again(event);
  }

  /** An event of a paused process waits. */
  hold(event: SimEvent): void {
    this.#deferred.push(event);
  }

  kill(): void {
    this.isAlive = false;
    this.#paused = false;
    this.#deferred = [];
  }

  /** Another process on the same machine, which has the clocks. */
  successor(): SimProcess {
    const next = new SimProcess(this.kernel, this.name, this.random);
    next.#clock = this.#clock;
    next.#wallBase = this.#wallBase;
    next.#monotonicBase = this.#monotonicBase;
    next.#changedAt = this.#changedAt;
    return next;
  }
}
