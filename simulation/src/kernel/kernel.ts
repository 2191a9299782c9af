import { EventQueue, type SimEvent } from './event-queue.js';
import type { SimProcess } from './sim-process.js';
import { TraceHash } from './trace-hash.js';

/** Told of every event when a run is to be read by people. */
export type Tracer = (time: number, process: string, text: string) => void;

/**
 * The world's clock and its events. Time stands still while an event runs and while the promises that it settled are
 * followed to their end; then it jumps to the next event. Nothing depends on real time, so a run is a pure function of
 * what was put in.
 */
export class Kernel {
  readonly trace = new TraceHash();
  /** Events that have run. */
  events = 0;
  readonly #queue = new EventQueue();
  readonly #tracer: Tracer | undefined;
  #now = 0;
  #sequence = 0;

  constructor(tracer?: Tracer) {
    this.#tracer = tracer;
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  get isTraced(): boolean {
    return this.#tracer !== undefined;
  }

  /** Puts in an event; what it returns takes it out again. */
  at(time: number, process: SimProcess | undefined, label: string, run: () => void): () => void {
    const event: SimEvent = {
      time: Math.max(time, this.#now),
      sequence: this.#sequence++,
      process,
      label,
      run,
    };
    this.#queue.push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Puts an event that had to wait for its process back in, to run now. */
  again(event: SimEvent): void {
    event.time = this.#now;
    event.sequence = this.#sequence++;
    this.#queue.push(event);
  }

  /** Adds what a part knows to the trace, so that a difference in it shows as a difference of the hash. */
  note(process: string, text: string): void {
    this.trace.string(text);
    this.#tracer?.(this.#now, process, text);
  }

  /**
   * Runs every event up to `until`. Rejects with what an event threw.
   *
   * The next step is a tick queued from a microtask: Node takes it up only when no microtask is left, which is to say
   * when all that the last event settled has been followed. It costs a fraction of a macrotask.
   */
  run(until: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const nextStep = (): void => process.nextTick(step);
      const step = (): void => {
        try {
          if (this.#step(until)) queueMicrotask(nextStep);
          else resolve();
        } catch (error) {
          reject(error as Error);
        }
      };
      queueMicrotask(nextStep);
    });
  }

  /** Runs one event; false when there is none left before `until`. */
  #step(until: number): boolean {
    for (;;) {
      const event = this.#queue.peek();
      if (event === undefined || event.time > until) {
        this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#queue.pop();
      const { process, label, run } = event;
      if (run === undefined) continue;
      this.#now = event.time;
      if (process !== undefined) {
        if (!process.isAlive) continue;
        if (process.isPaused) {
          process.hold(event);
          continue;
        }
      }
      event.run = undefined;
      this.events++;
      this.trace.number(event.time);
      this.trace.string(label);
      if (process !== undefined) this.trace.string(process.name);
      run();
      return true;
    }
  }
}
