/** Reads of one key that share a round trip. */
interface Flight<T> {
  readonly promise: Promise<T>;
  /** The turn in which it was sent; in a later one it is on its way. */
  turn: number;
  /** Readers that came when the flight was on its way: they share the next one. */
  next: NextFlight<T> | undefined;
}

interface NextFlight<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly since: number;
}

export interface ReadCoalescerOptions<T> {
  /** Does the read; `since` is when the first of its readers came. Sends in the same turn. */
  readonly read: (key: string, since: number) => Promise<T>;
  readonly now: () => number;
  readonly afterTurn: (callback: () => void) => void;
  /** Told of every reader that caused no round trip. */
  readonly onShared: () => void;
}

const CLOSED_TO_JOINERS = -1;

/**
 * Concurrent reads of one key share round trips, and no reader is ever given what was read before it came:
 *
 *     r1 sends ------------ r1 answered     r2 and r3 came while r1 was on its way. A write that was acknowledged
 *        r2 waits, r3 waits --> one send    in between (by any gateway) must be seen by them, so they share the
 *                          --------- both   next round trip instead of r1's.
 *
 * Readers that come in the turn of the event loop in which a read is sent join it: it has not left yet. So there are at
 * most one read on its way and one group waiting per key. O(1) per read.
 */
export class ReadCoalescer<T> {
  readonly #options: ReadCoalescerOptions<T>;
  readonly #flights = new Map<string, Flight<T>>();
  #turn = 0;
  #turnEnds = false;

  constructor(options: ReadCoalescerOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#flights.size;
  }

  read(key: string): Promise<T> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return this.#launch(key, this.#options.now());
    if (flight.turn === this.#turn) {
      this.#options.onShared();
      return flight.promise;
    }
    if (flight.next) this.#options.onShared();
    else flight.next = nextFlight(this.#options.now());
    return flight.next.promise;
  }

  /** A write of the key was answered: later readers must not join a read that began before. */
  close(key: string): void {
    const flight = this.#flights.get(key);
    if (flight) flight.turn = CLOSED_TO_JOINERS;
  }

  #launch(key: string, since: number): Promise<T> {
    this.#countTurn();
    const promise = this.#options.read(key, since);
    const flight: Flight<T> = { promise, turn: this.#turn, next: undefined };
    this.#flights.set(key, flight);
    const landed = () => {
      if (flight.next) flight.next.resolve(this.#launch(key, flight.next.since));
      else this.#flights.delete(key);
    };
    promise.then(landed, landed);
    return promise;
  }

  #countTurn(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    this.#options.afterTurn(() => {
      this.#turnEnds = false;
      this.#turn++;
    });
  }
}

function nextFlight<T>(since: number): NextFlight<T> {
  let resolve!: NextFlight<T>['resolve'];
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve, since };
}
