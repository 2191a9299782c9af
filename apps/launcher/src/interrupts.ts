/** The part of `process` that brings signals. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

/** Ctrl-C, `kill`, and the terminal that is closed. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** Under `npm start` one Ctrl-C arrives twice, from the terminal and from npm; a person is slower. */
const SAME_REQUEST_MS = 300;

/** Tells the first request to stop from the second. */
export class Interrupts {
  readonly #source: SignalSource;
  readonly #now: () => number;
  readonly #onSecond: (signal: NodeJS.Signals) => void;
  readonly #listener = (signal: NodeJS.Signals): void => this.#arrived(signal);
  #resolve: (signal: NodeJS.Signals) => void = () => undefined;
  #firstAt: number | undefined;

  /** Resolves with the first signal. */
  readonly first = new Promise<NodeJS.Signals>((resolve) => (this.#resolve = resolve));

  constructor(source: SignalSource, onSecond: (signal: NodeJS.Signals) => void, now = () => performance.now()) {
    this.#source = source;
    this.#onSecond = onSecond;
    this.#now = now;
    for (const signal of SIGNALS) source.on(signal, this.#listener);
  }

  /** From now on the signals do what they do by default. */
  close(): void {
    for (const signal of SIGNALS) this.#source.off(signal, this.#listener);
  }

  #arrived(signal: NodeJS.Signals): void {
    if (this.#firstAt === undefined) {
      this.#firstAt = this.#now();
      this.#resolve(signal);
    } else if (this.#now() - this.#firstAt >= SAME_REQUEST_MS) {
      this.#onSecond(signal);
    }
  }
}
