import { type Member, type View } from '@dcs/cluster-membership';
import { type Connect, type ReplyCallback, type RetryReason, type RoutingObserver, type Time, type ViewSource } from '../src/routing/ports.js'; // prettier-ignore

/** Time that stands still until it is told to go on. */
export class FakeTime implements Time {
  #ms = 1_700_000_000_000;
  #timers: { at: number; callback: () => void }[] = [];
  #turn: (() => void)[] = [];

  /** What the cluster's time is ahead by. */
  aheadMs = 0;
  readonly wall = () => this.#ms + this.aheadMs;
  readonly now = () => this.#ms;
  readonly after = (ms: number, callback: () => void) => {
    const timer = { at: this.#ms + ms, callback };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  };
  readonly afterTurn = (callback: () => void) => void this.#turn.push(callback);

  get timers(): number {
    return this.#timers.length;
  }

  endTurn(): void {
    for (const callback of this.#turn.splice(0)) callback();
  }

  /** Runs what is due on the way, in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await settle();
      const next = this.#timers.sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.#timers.shift();
      this.#ms = Math.max(this.#ms, next.at);
      next.callback();
    }
    this.#ms = end;
    await settle();
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export class FakeViews implements ViewSource {
  view: View;
  refreshes = 0;
  /** What the next refresh finds; the same view if undefined. */
  next: View | undefined;
  onRefresh: () => void = () => undefined;
  /** A refresh that never ends. */
  hangs = false;
  readonly #listeners = new Set<(view: View) => void>();

  constructor(members: readonly Member[]) {
    this.view = { epoch: 1, members };
  }

  on(_event: 'view', listener: (view: View) => void): void {
    this.#listeners.add(listener);
  }

  off(_event: 'view', listener: (view: View) => void): void {
    this.#listeners.delete(listener);
  }

  async refresh(): Promise<View> {
    this.refreshes++;
    this.onRefresh();
    if (this.hangs) await new Promise(() => undefined);
    if (this.next) this.change(this.next.members);
    return this.view;
  }

  change(members: readonly Member[]): void {
    this.view = { epoch: this.view.epoch + 1, members };
    for (const listener of this.#listeners) listener(this.view);
  }
}

export interface Sent {
  readonly to: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly answer: ReplyCallback;
}

/** Connections that write down what is sent and answer when the test says so. */
export class FakeNetwork {
  readonly sent: Sent[] = [];
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly reset: string[] = [];
  /** Answers at once instead of leaving it to the test. */
  auto: ((sent: Sent) => void) | undefined;

  readonly connect: Connect = ({ id }) => {
    this.opened.push(id);
    return {
      connected: true,
      inFlight: 0,
      send: (command, answer, timeoutMs) => {
        const sent = { to: id, args: argumentsOf(command), timeoutMs, answer };
        this.sent.push(sent);
        this.auto?.(sent);
      },
      reset: () => void this.reset.push(id),
      close: async () => void this.closed.push(id),
    };
  };

  get last(): Sent {
    return this.sent.at(-1)!;
  }
}

function argumentsOf(command: string): string[] {
  const parts = command.split('\r\n');
  return parts.filter((_, i) => i % 2 === 0 && i > 0 && i < parts.length - 1);
}

export class FakeObserver implements RoutingObserver {
  readonly retries: RetryReason[] = [];
  exhausted = 0;
  shared = 0;
  hedges = 0;
  readonly errors: Error[] = [];

  retried(reason: RetryReason): void {
    this.retries.push(reason);
  }
  budgetExhausted(): void {
    this.exhausted++;
  }
  hedged(): void {
    this.hedges++;
  }
  coalesced(): void {
    this.shared++;
  }
  unexpected(error: Error): void {
    this.errors.push(error);
  }
}

export function member(id: string, changes: Partial<Member> = {}): Member {
  return { id, incarnation: 1, host: 'h', dataPort: Number(id.slice(1)), httpPort: 0, weight: 1, zone: '', state: 'up', ...changes }; // prettier-ignore
}
