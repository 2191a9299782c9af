import { parseMoved, ProtocolError } from '@dcs/protocol';
import { RespClientError, RespError } from '@dcs/resp';
import { type Random, type RetryReason, type RoutingObserver, type Time } from './ports.js';
import { type RetryBudget } from './retry-budget.js';
import { routingError, type RoutingError } from './routing-error.js';
import { type Node, type Topology } from './topology.js';

/** A command as it is sent and read: the same for each attempt but for the epoch and the count. */
export interface Command<T> {
  readonly slot: number;
  /** `attempt` counts from 1. */
  encode(epoch: number, attempt: number): string;
  /** @throws ProtocolError for a reply that is none of this command's. */
  decode(reply: unknown): T;
}

export interface OperationOptions {
  readonly topology: Topology;
  readonly time: Time;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly observer: RoutingObserver;
  /** Longest wait for one attempt's reply, ms. */
  readonly requestTimeoutMs: number;
  /** From the first attempt to the answer, ms. */
  readonly operationTimeoutMs: number;
}

/** Redirects in one operation, beyond which MOVED counts as any other failure. */
const MAX_REDIRECTS = 5;
const BACKOFF_BASE_MS = 20;
const BACKOFF_MAX_MS = 400;
/** How long an operation waits for a view in which the node named by MOVED is a member. */
const REFRESH_WAIT_MS = 250;

const NO_OWNER = 'no cache node is up';
const UNREACHABLE = 'the cache node that owns the key did not answer in time';

/**
 * One operation from its first attempt to its answer: finds the owner, sends, follows MOVED, and retries within the
 * deadline and the retry budget. Failover to further owners belongs in {@link Operation.#target}.
 */
export class Operation<T> {
  readonly #options: OperationOptions;
  readonly #command: Command<T>;
  readonly #deadline: number;
  readonly #onReply = (error: Error | null, reply: unknown) => this.#answered(error, reply);
  #resolve!: (value: T) => void;
  #reject!: (error: RoutingError) => void;
  #attempt = 0;
  #redirects = 0;
  #sentTo: Node | undefined;

  private constructor(options: OperationOptions, command: Command<T>, since: number) {
    this.#options = options;
    this.#command = command;
    this.#deadline = since + options.operationTimeoutMs;
  }

  /** `since`: when the operation's time began to run, on the monotonic clock. Rejects with RoutingError only. */
  static run<T>(options: OperationOptions, command: Command<T>, since: number): Promise<T> {
    const operation = new Operation(options, command, since);
    options.budget.deposit();
    return new Promise<T>((resolve, reject) => {
      operation.#resolve = resolve;
      operation.#reject = reject;
      operation.#send(operation.#target());
    });
  }

  #target(): Node | undefined {
    return this.#options.topology.primaryOf(this.#command.slot);
  }

  #send(node: Node | undefined): void {
    const { topology, requestTimeoutMs, time } = this.#options;
    if (!node) return this.#retry('no_owner', NO_OWNER);
    const left = this.#attempt === 0 ? this.#options.operationTimeoutMs : this.#deadline - time.now();
    if (left <= 0) return this.#fail(UNREACHABLE);
    this.#sentTo = node;
    this.#attempt++;
    const command = this.#command.encode(topology.epoch, this.#attempt);
    node.connection.send(command, this.#onReply, Math.min(requestTimeoutMs, left));
  }

  #answered(error: Error | null, reply: unknown): void {
    if (error) return this.#failed(error);
    let result: T;
    try {
      result = this.#command.decode(reply);
    } catch (cause) {
      if (cause instanceof ProtocolError) this.#options.observer.unexpected(cause);
      return this.#reject(routingError('ERR_UNAVAILABLE', 'the cache node gave no answer that can be used', cause));
    }
    this.#resolve(result);
  }

  #failed(error: Error): void {
    if (error instanceof RespError) return this.#refused(error);
    const { topology } = this.#options;
    const code = error instanceof RespClientError ? error.code : 'ERR_RESP_CONNECTION_LOST';
    if (code === 'ERR_RESP_OVERLOADED') {
      return this.#reject(
        routingError('ERR_OVERLOADED', 'too many requests are waiting for the cache node that owns the key', error),
      );
    }
    void topology.refresh();
    this.#retry(code === 'ERR_RESP_TIMEOUT' ? 'timeout' : 'connection', UNREACHABLE, error);
  }

  #refused(error: RespError): void {
    switch (error.code) {
      case 'MOVED':
        return this.#moved(error);
      case 'LOADING':
        return this.#retry('loading', 'the key is being recovered; it is not known yet whether it is there', error);
      case 'CLUSTERDOWN':
        return this.#retry('clusterdown', 'the cluster cannot do this safely now', error);
      case 'PRECONDITION':
        return this.#reject(routingError('ERR_PRECONDITION_FAILED', 'the entry is not in the state asked for', error));
      case 'NOTANUMBER':
        return this.#reject(
          routingError('ERR_NOT_A_NUMBER', 'the value is not a safe integer, or would not stay one', error),
        );
      case 'OOM':
        return this.#reject(routingError('ERR_VALUE_TOO_LARGE', 'the entry does not fit into a cache node', error));
      default:
        this.#options.observer.unexpected(error);
        return this.#reject(routingError('ERR_UNAVAILABLE', 'the cache node refused the operation', error));
    }
  }

  #moved(error: RespError): void {
    const { topology, observer, time } = this.#options;
    if (++this.#redirects > MAX_REDIRECTS) return this.#retry('moved', UNREACHABLE, error);
    observer.retried('moved');
    const refreshed = topology.refresh();
    const moved = parseMoved(error.message);
    const refusedBy = this.#sentTo;
    const next = (): Node | undefined => {
      const named = moved && topology.nodeAt(moved.host, moved.port);
      if (named) return named;
      const owner = this.#target();
      return owner?.member.id === refusedBy?.member.id ? undefined : owner;
    };
    const known = next();
    if (known) return this.#send(known);
    // The new owner is in no view of ours: wait for one, but not for a registry that hangs.
    let waiting = true;
    const goOn = () => {
      if (!waiting) return;
      waiting = false;
      cancel();
      const found = next();
      if (found) this.#send(found);
      else this.#retry('moved', UNREACHABLE, error);
    };
    const cancel = time.after(REFRESH_WAIT_MS, goOn);
    void refreshed.then(goOn);
  }

  #retry(reason: RetryReason, message: string, cause?: Error): void {
    const { budget, observer, random, time } = this.#options;
    const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#attempt, 10)) * (0.5 + random() / 2);
    if (time.now() + backoff >= this.#deadline) return this.#fail(message, reason, cause);
    if (!budget.withdraw()) {
      observer.budgetExhausted();
      return this.#fail(message, reason, cause);
    }
    observer.retried(reason);
    if (reason === 'no_owner') this.#attempt++; // so that the pauses grow
    time.after(backoff, () => this.#send(this.#target()));
  }

  #fail(message: string, reason?: RetryReason, cause?: Error): void {
    this.#reject(routingError(reason === 'loading' ? 'ERR_RECOVERING' : 'ERR_UNAVAILABLE', message, cause));
  }
}
