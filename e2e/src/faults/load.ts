import { setTimeout as sleep } from 'node:timers/promises';
import { dataPath } from '../data-api.js';
import type { CounterEvent, RegisterEvent, Violation } from './history.js';
import { checkCounter, checkRegister, checkSharedCounter } from './history-checks.js';
import { type LoadAnswer, type LoadCall, LoadClient } from './load-client.js';

export interface LoadOptions {
  readonly urls: readonly string[];
  /** In front of every key, so that loads do not meet. */
  readonly prefix: string;
  /** Of each call: see `LoadClient`. @defaultValue 0 */
  readonly retries?: number;
  /** @defaultValue 16 */
  readonly workers?: number;
  /** What is read, and what deletes find, while the load goes on may be old; what is read in the end is checked. @defaultValue false */
  readonly readsMayBeStale?: boolean;
  /** Of each worker between two operations, ms. @defaultValue 15 */
  readonly pauseMs?: number;
}

/** What came of a load; a right one has no violations. */
export interface LoadReport {
  readonly operations: number;
  readonly failed: number;
  /** Acknowledged writes, deletes and increments. */
  readonly acknowledged: number;
  readonly violations: readonly Violation[];
  /** The first failures, to tell why. */
  readonly failures: readonly string[];
}

interface SharedCounter {
  readonly acknowledged: number[];
  readonly acknowledgedAt: number[];
  unknown: number;
  mayBeUndone: number;
}

const WORKERS = 16;
const KEYS_PER_WORKER = 16;
const SHARED_COUNTERS = 4;
const PAUSE_MS = 15;
const KEPT_FAILURES = 20;
const FINAL_READ_TRIES = 20;
const FINAL_READ_PAUSE_MS = 250;

/**
 * Workers that read, write, delete and count through all masters, and remember what they did and saw. Every key but
 * the shared counters belongs to one worker, which does one thing at a time; every value is written once.
 */
export class Load {
  readonly #options: LoadOptions;
  readonly #client: LoadClient;
  readonly #registers = new Map<string, RegisterEvent[]>();
  readonly #counters = new Map<string, CounterEvent[]>();
  readonly #shared = new Map<string, SharedCounter>();
  readonly #failures: string[] = [];
  #operations = 0;
  #failed = 0;
  #acknowledged = 0;
  #running = true;
  #workers: Promise<void>[] = [];
  readonly #startedAt = performance.now();

  private constructor(options: LoadOptions) {
    this.#options = options;
    const { urls, retries = 0 } = options;
    this.#client = new LoadClient({ urls, retries });
  }

  static start(options: LoadOptions): Load {
    const load = new Load(options);
    const count = options.workers ?? WORKERS;
    load.#workers = Array.from({ length: count }, (_, worker) => load.#work(worker));
    return load;
  }

  get operations(): number {
    return this.#operations;
  }

  get failed(): number {
    return this.#failed;
  }

  /**
   * What was acknowledged after `since` (of `performance.now()`) may be undone from now on. To be called while nothing
   * is acknowledged.
   */
  mayBeUndone(since: number): void {
    for (const events of [...this.#registers.values(), ...this.#counters.values()]) {
      events.push({ kind: 'rollback', since });
    }
    for (const counter of this.#shared.values()) {
      counter.mayBeUndone += counter.acknowledgedAt.filter((at) => at > since).length;
    }
  }

  /** Ends the workers; each finishes what it is at. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
  }

  /** After `stop()`, when the cluster has healed: reads every key through every master, and checks all histories. */
  async report(): Promise<LoadReport> {
    const violations: Violation[] = [];
    for (const url of this.#options.urls) {
      const reader = new LoadClient({ urls: [url] });
      try {
        const keys = [...this.#registers.keys(), ...this.#counters.keys(), ...this.#shared.keys()];
        for (const key of keys) {
          const final = await finalRead(reader, key);
          this.#registers.get(key)?.push({ kind: 'read', value: final, final: true });
          this.#counters.get(key)?.push({ kind: 'read', value: asNumber(final), final: true });
          const shared = this.#shared.get(key);
          if (shared) violations.push(...checkSharedCounter(key, { ...shared, final: asNumber(final) }));
        }
      } finally {
        reader.close();
      }
    }
    this.#client.close();
    const { readsMayBeStale = false } = this.#options;
    const counts = (event: RegisterEvent | CounterEvent): boolean =>
      !readsMayBeStale || event.kind !== 'read' || event.final === true;
    const without = (event: RegisterEvent): RegisterEvent =>
      readsMayBeStale && event.kind === 'delete' ? { kind: 'delete', outcome: event.outcome } : event;
    for (const [key, events] of this.#registers) {
      violations.push(...checkRegister(key, events.filter(counts).map(without)));
    }
    for (const [key, events] of this.#counters) violations.push(...checkCounter(key, events.filter(counts)));
    return {
      operations: this.#operations,
      failed: this.#failed,
      acknowledged: this.#acknowledged,
      violations,
      failures: this.#failures,
    };
  }

  async #work(worker: number): Promise<void> {
    const { prefix, pauseMs = PAUSE_MS } = this.#options;
    const pick = generator(worker + 1);
    for (let turn = 0; this.#running; turn++) {
      const key = `${prefix}:${worker}:${Math.floor(pick() * KEYS_PER_WORKER)}`;
      const kind = pick();
      if (kind < 0.4) await this.#read(key);
      else if (kind < 0.75) await this.#write(key, `${key}#${turn}`);
      else if (kind < 0.85) await this.#delete(key);
      else if (kind < 0.95) await this.#count(`${prefix}:${worker}:count`, `${prefix}-${worker}-${turn}`);
      else {
        const counter = Math.floor(pick() * SHARED_COUNTERS);
        await this.#countShared(`${prefix}:shared:${counter}`, `${prefix}-${worker}-${turn}`);
      }
      await sleep(pauseMs * (0.5 + pick()));
    }
  }

  async #read(key: string): Promise<void> {
    const answer = await this.#call({ method: 'GET', path: dataPath(key) });
    const at = performance.now();
    if (answer.status === 200) eventsOf(this.#registers, key).push({ kind: 'read', value: valueOf(answer), at });
    else if (answer.status === 404) eventsOf(this.#registers, key).push({ kind: 'read', value: undefined, at });
    else this.#fail(`GET ${key}`, answer);
  }

  async #write(key: string, value: string): Promise<void> {
    const answer = await this.#call({ method: 'POST', path: '/data', json: { key, value } });
    const ok = answer.status === 200;
    const outcome = ok ? 'ok' : 'unknown';
    eventsOf(this.#registers, key).push({ kind: 'write', value, outcome, at: performance.now() });
    if (ok) this.#acknowledged++;
    else this.#fail(`POST ${key}`, answer);
  }

  async #delete(key: string): Promise<void> {
    const answer = await this.#call({ method: 'DELETE', path: dataPath(key) });
    const events = eventsOf(this.#registers, key);
    if (answer.status !== 200 && answer.status !== 404) {
      events.push({ kind: 'delete', outcome: 'unknown' });
      return this.#fail(`DELETE ${key}`, answer);
    }
    this.#acknowledged++;
    // A client that had to ask again may find that its first call has done it.
    const found = answer.attempts === 1 ? { found: answer.status === 200 } : {};
    events.push({ kind: 'delete', outcome: 'ok', ...found, at: performance.now() });
  }

  async #count(key: string, idempotencyKey: string): Promise<void> {
    const answer = await this.#increment(key, idempotencyKey);
    const events = eventsOf(this.#counters, key);
    const at = performance.now();
    if (answer.status === 200) events.push({ kind: 'increment', outcome: 'ok', value: Number(valueOf(answer)), at });
    else events.push({ kind: 'increment', outcome: 'unknown' });
  }

  async #countShared(key: string, idempotencyKey: string): Promise<void> {
    const answer = await this.#increment(key, idempotencyKey);
    let history = this.#shared.get(key);
    if (history === undefined) {
      this.#shared.set(key, (history = { acknowledged: [], acknowledgedAt: [], unknown: 0, mayBeUndone: 0 }));
    }
    if (answer.status === 200) {
      history.acknowledged.push(Number(valueOf(answer)));
      history.acknowledgedAt.push(performance.now());
    } else history.unknown++;
  }

  async #increment(key: string, idempotencyKey: string): Promise<LoadAnswer> {
    const answer = await this.#call({ method: 'POST', path: `${dataPath(key)}/incr`, json: {}, idempotencyKey });
    if (answer.status === 200) this.#acknowledged++;
    else this.#fail(`INCR ${key}`, answer);
    return answer;
  }

  #call(call: LoadCall): Promise<LoadAnswer> {
    this.#operations++;
    return this.#client.call(call);
  }

  #fail(what: string, { status, text }: LoadAnswer): void {
    this.#failed++;
    const at = Math.round(performance.now() - this.#startedAt);
    if (this.#failures.length < KEPT_FAILURES) this.#failures.push(`+${at} ms ${what}: ${status} ${text}`);
  }
}

function eventsOf<T>(histories: Map<string, T[]>, key: string): T[] {
  let events = histories.get(key);
  if (events === undefined) histories.set(key, (events = []));
  return events;
}

async function finalRead(reader: LoadClient, key: string): Promise<string | undefined> {
  for (let left = FINAL_READ_TRIES; ; left--) {
    const answer = await reader.call({ method: 'GET', path: dataPath(key) });
    if (answer.status === 200) return valueOf(answer);
    if (answer.status === 404) return undefined;
    if (left === 0) throw new Error(`${key} cannot be read after healing: ${answer.status} ${answer.text}`);
    await sleep(FINAL_READ_PAUSE_MS);
  }
}

function valueOf({ text }: LoadAnswer): string {
  return String((JSON.parse(text) as { value: unknown }).value);
}

function asNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** Uniform in [0, 1), the same with every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
