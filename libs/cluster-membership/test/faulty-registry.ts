import { RegistryError } from '../src/errors.js';
import type { View } from '../src/member.js';
import { MemoryRegistry } from '../src/memory-registry.js';
import type { Registry } from '../src/registry.js';

/** A registry in memory that can be out of reach, and be wiped. */
export class FaultyRegistry implements Registry {
  reachable = true;
  /** A member whose heartbeats do not arrive. */
  unreachableFor: string | undefined;
  /** Members whose heartbeats do not arrive. */
  readonly cut = new Set<string>();
  reads = 0;
  /** Answers to reads are on their way until this settles. */
  answersDelayed: Promise<void> | undefined;
  heartbeats = 0;
  #inner: MemoryRegistry;
  #backup: MemoryRegistry | undefined;

  constructor(readonly now: () => number) {
    this.#inner = new MemoryRegistry({ now });
  }

  backUp(): void {
    this.#backup = this.#inner.fork();
  }

  /** As it was when it was backed up, on a server that was started for it. Subscriptions are lost. */
  restore(): void {
    this.#inner = this.#backup!.fork();
  }

  wipe(): void {
    this.#inner = new MemoryRegistry({ now: this.now }); // subscriptions are lost with it
  }

  async heartbeat(...args: Parameters<Registry['heartbeat']>): ReturnType<Registry['heartbeat']> {
    this.heartbeats++;
    this.#check();
    if (args[1].member.id === this.unreachableFor || this.cut.has(args[1].member.id))
      throw new RegistryError('ERR_REGISTRY_UNAVAILABLE', 'lost');
    return this.#inner.heartbeat(...args);
  }

  async remove(...args: Parameters<Registry['remove']>): Promise<View> {
    this.#check();
    return this.#inner.remove(...args);
  }

  async read(...args: Parameters<Registry['read']>): Promise<View> {
    this.reads++;
    this.#check();
    const view = await this.#inner.read(...args);
    await this.answersDelayed; // looked up, and on its way
    return view;
  }

  async subscribe(...args: Parameters<Registry['subscribe']>): ReturnType<Registry['subscribe']> {
    this.#check();
    return this.#inner.subscribe(...args);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #check(): void {
    if (!this.reachable) throw new RegistryError('ERR_REGISTRY_UNAVAILABLE', 'down');
  }
}
