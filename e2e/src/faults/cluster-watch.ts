import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultView, upNodes, viewOf } from './copies.js';

const INTERVAL_MS = 100;

/** Watches what the masters think of the cluster while faults happen. */
export class ClusterWatch {
  readonly #urls: readonly string[];
  readonly #epochs = new Map<string, number>();
  readonly #rings = new Map<string, string[]>();
  readonly #loops: Promise<void>[];
  #running = true;
  /** Epochs that were lower than one before, as the same master tells it. */
  epochsFallen = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
    this.#loops = urls.map((url) => this.#watch(url));
  }

  /** Sets of `up` nodes that came after the first, in the eyes of the master that has seen the most. */
  get ringChanges(): number {
    return Math.max(0, ...[...this.#rings.values()].map((rings) => rings.length - 1));
  }

  /** The sets of `up` nodes in the order in which each master had them. */
  get rings(): readonly (readonly string[])[] {
    return [...this.#rings.values()];
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
    if (this.#rings.size !== this.#urls.length) throw new Error('a master has not told its view even once');
  }

  async #watch(url: string): Promise<void> {
    while (this.#running) {
      const view = await viewOf(url).catch(() => undefined); // a master that is down has no view
      if (view !== undefined) this.#note(url, view);
      await sleep(INTERVAL_MS);
    }
  }

  #note(url: string, view: FaultView): void {
    if (view.epoch < (this.#epochs.get(url) ?? 0)) this.epochsFallen++;
    this.#epochs.set(url, view.epoch);
    const ring = upNodes(view)
      .map(({ id }) => id)
      .sort()
      .join(' ');
    const rings = this.#rings.get(url);
    if (rings === undefined) this.#rings.set(url, [ring]);
    else if (rings.at(-1) !== ring) rings.push(ring);
  }
}
