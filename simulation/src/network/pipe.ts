import type { SimProcess } from '../kernel/sim-process.js';
import type { Network } from './network.js';

interface Chunk {
  readonly label: string;
  readonly bytes: string;
  /** Runs at the receiver. */
  readonly arrive: () => void;
  /** Needs no process: the machine itself answers. */
  readonly byHost: boolean;
}

/**
 * One direction of a connection: in order, nothing lost and nothing twice, as TCP has it. While the way is cut what is
 * sent waits, and goes on some time after it is open again, as retransmissions do.
 */
export class Pipe {
  readonly from: SimProcess;
  readonly to: SimProcess;
  readonly #network: Network;
  #lastArrival = 0;
  #waiting: Chunk[] = [];
  #closed = false;

  constructor(network: Network, from: SimProcess, to: SimProcess) {
    this.#network = network;
    this.from = from;
    this.to = to;
  }

  send(label: string, bytes: string, arrive: () => void, byHost = false): void {
    if (this.#closed) return;
    const chunk = { label, bytes, arrive, byHost };
    if (this.#waiting.length > 0 || this.#network.isCut(this.from, this.to)) this.#waiting.push(chunk);
    else this.#dispatch(chunk, 0);
  }

  /** The way is open again. */
  release(extraMs: number): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) this.#dispatch(chunk, extraMs);
  }

  get isStuck(): boolean {
    return this.#waiting.length > 0;
  }

  /** What has not arrived never will. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #dispatch({ label, bytes, arrive, byHost }: Chunk, extraMs: number): void {
    const { kernel } = this.from;
    const delay = this.#network.delay(this.from, this.to, bytes.length) + extraMs;
    this.#lastArrival = Math.max(this.#lastArrival, kernel.now + delay);
    kernel.at(this.#lastArrival, byHost ? undefined : this.to, label, () => {
      if (this.#closed) return;
      if (bytes.length > 0) kernel.trace.string(bytes);
      arrive();
    });
  }
}
