import { ATTEMPT_MS, isBlocked, parseMoved, ProtocolError } from '@dcs/protocol';
import { RespClientError, RespError } from '@dcs/resp';
import { type Hedgeable, type Hedging } from './hedging.js';
import { type Random, type ReadFrom, type RetryReason, type RoutingObserver, type Time } from './ports.js';
import { type RetryBudget } from './retry-budget.js';
import { routingError, type RoutingError } from './routing-error.js';
import { LAG_MS, type Suspicion } from './suspicion.js';
import { type Node, type Topology } from './topology.js';

/** A command as it is sent and read: the same for each attempt but for the epoch and the count. */
export interface Command<T> {
  readonly slot: number;
  /** It changes nothing: any owner may answer, and two may be asked. */
  readonly isRead: boolean;
  /** Makes a new operation of a write that was refused before anything was done. */
  readonly restamp?: () => void;
  /** `attempt`: see `WriteContext`. */
  encode(epoch: number, attempt: number): string;
  /** @throws ProtocolError for a reply that is none of this command's. */
  decode(reply: unknown): T;
}

export interface OperationOptions {
  readonly topology: Topology;
  readonly time: Time;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly suspicion: Suspicion;
  readonly hedging: Hedging;
  readonly readFrom: ReadFrom;
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

const FINAL: ReadonlySet<string> = new Set(['PRECONDITION', 'NOTANUMBER', 'REUSED', 'OOM']);
/** The node has said, cheaply, that it cannot do it now: asking again after a pause is no storm, so it costs no budget. */
const NOT_NOW: ReadonlySet<RetryReason> = new Set(['clusterdown', 'loading', 'stale']);
const NO_NODES: Node[] = [];

const NO_OWNER = 'no cache node is up';
const WAITING = 'the key waits for cache nodes, or a backup, that have it';
const UNREACHABLE = 'the cache node that owns the key did not answer in time';

/**
 * One operation from its first attempt to its answer: finds an owner, sends, follows MOVED, goes on to the next owner
 * when one fails, and tries again within the deadline and the retry budget. A slow read is sent to a second owner.
 */
export class Operation<T> implements Hedgeable {
  readonly #options: OperationOptions;
  readonly #command: Command<T>;
  readonly #deadline: number;
  #resolve!: (value: T) => void;
  #reject!: (error: RoutingError) => void;
  #attempt = 0;
  /** Attempts without an answer, which may have been carried out all the same. */
  #unknown = 0;
  /** When its stamp was made, on the monotonic clock. */
  #stampedAt: number;
  #redirects = 0;
  #lastAsked: Node | undefined;
  /** Owners that failed since all of them were tried last. */
  #failedAt: Node[] = NO_NODES;
  /** Attempts without an answer yet: two when the read was hedged. */
  #outstanding = 0;
  /** A replica's word that the key is absent, which counts when the primary fails. */
  #absent: { readonly value: T } | undefined;
  /** Answered, one way or the other. */
  done = false;

  private constructor(options: OperationOptions, command: Command<T>, since: number) {
    this.#options = options;
    this.#command = command;
    this.#deadline = since + options.operationTimeoutMs;
    this.#stampedAt = since;
  }

  /** `since`: when the operation's time began to run, on the monotonic clock. Rejects with RoutingError only. */
  static run<T>(options: OperationOptions, command: Command<T>, since: number): Promise<T> {
    const operation = new Operation(options, command, since);
    options.budget.deposit();
    return new Promise<T>((resolve, reject) => {
      operation.#resolve = resolve;
      operation.#reject = reject;
      operation.#start(since);
    });
  }

  /** A second owner is asked as well, if there is one and the budget allows it. */
  hedge(): void {
    if (this.done || this.#outstanding !== 1) return;
    const { budget, observer, topology, time } = this.#options;
    const asked = this.#lastAsked;
    const other = topology
      .ownersOf(this.#command.slot)
      .find((node) => node !== asked && !node.health.suspect && !this.#failedAt.includes(node));
    if (other === undefined || this.#deadline <= time.now() || !budget.withdraw()) return;
    observer.hedged();
    this.#send(other);
  }

  #start(since: number): void {
    const { readFrom, hedging, random, topology } = this.#options;
    const { isRead, slot } = this.#command;
    const owners = topology.ownersOf(slot);
    if (isRead && readFrom === 'any' && owners.length > 1) {
      const node = owners[Math.floor(random() * owners.length)]!;
      this.#send(node.health.suspect ? this.#target() : node);
    } else {
      this.#send(this.#target());
    }
    if (isRead && !this.done && owners.length > 1) hedging.watch(this, since);
  }

  /** The first owner that is neither a suspect nor failed already; a suspect when there is no other. */
  #target(): Node | undefined {
    const owners = this.#options.topology.ownersOf(this.#command.slot);
    const primary = owners[0];
    if (primary === undefined || (!primary.health.suspect && this.#failedAt.length === 0)) return primary;
    const left = owners.filter((node) => !this.#failedAt.includes(node));
    return left.find(({ health }) => !health.suspect) ?? left[0];
  }

  #send(node: Node | undefined): void {
    const { topology, requestTimeoutMs, time } = this.#options;
    if (!node) return this.#retry('no_owner', NO_OWNER);
    const left = this.#attempt === 0 ? this.#options.operationTimeoutMs : this.#deadline - time.now();
    if (left <= 0) return this.#fail(UNREACHABLE);
    this.#lastAsked = node;
    this.#attempt++;
    this.#outstanding++;
    const command = this.#command.encode(topology.epoch, this.#attemptToSend());
    const timeoutMs = Math.min(requestTimeoutMs, left);
    const latest = this.#deadline - left + timeoutMs + LAG_MS;
    node.connection.send(command, (error, reply) => this.#answered(node, latest, error, reply), timeoutMs);
  }

  /** By its age as well: a node is not to take a late attempt for one that was held up on its way. */
  #attemptToSend(): number {
    if (this.#unknown === 0) return 1;
    const age = this.#options.time.now() - this.#stampedAt;
    return 1 + Math.max(this.#unknown, Math.ceil(age / ATTEMPT_MS));
  }

  #answered(node: Node, latest: number, error: Error | null, reply: unknown): void {
    this.#outstanding--;
    if (error && mayBeDone(error)) this.#unknown++;
    if (!error) node.health.timeouts = 0;
    else this.#blame(node, latest, error);
    if (this.done) return;
    if (error && this.#absent !== undefined && !(error instanceof RespError)) {
      this.done = true;
      return this.#resolve(this.#absent.value);
    }
    if (error) {
      if (this.#outstanding === 0 || isFinal(error)) this.#failed(node, error);
      else this.#failedAt = [...this.#failedAt, node]; // the other attempt may still succeed
      return;
    }
    let result: T;
    try {
      result = this.#command.decode(reply);
      // A replica may not have the key yet: while the primary may still answer, its word counts.
      if (result === undefined && this.#outstanding > 0 && !this.#isPrimary(node)) {
        this.#absent = { value: result };
        return;
      }
    } catch (cause) {
      if (cause instanceof ProtocolError) return this.#unreadable(node, cause);
      this.#end(routingError('ERR_UNAVAILABLE', 'the gateway could not use the answer', cause));
      throw cause;
    }
    this.done = true;
    this.#resolve(result);
  }

  /** An answer that cannot be read is none: the link is not to be trusted, and the write may have been done. */
  #unreadable(node: Node, cause: ProtocolError): void {
    const { observer, suspicion } = this.#options;
    observer.unexpected(cause);
    suspicion.disconnected(node);
    this.#unknown++;
    node.connection.reset(cause);
    if (this.done) return;
    if (this.#outstanding === 0) this.#failed(node, cause);
    else this.#failedAt = [...this.#failedAt, node];
  }

  #isPrimary(node: Node): boolean {
    return this.#options.topology.ownersOf(this.#command.slot)[0]?.member.id === node.member.id;
  }

  /** Silence and lost connections speak against a node; what it says of itself does not. */
  #blame(node: Node, latest: number, error: Error): void {
    if (error instanceof RespError) return;
    const { suspicion, time } = this.#options;
    const code = clientCode(error);
    if (code === 'ERR_RESP_TIMEOUT') {
      if (time.now() <= latest) suspicion.timedOut(node);
    } else if (code !== 'ERR_RESP_OVERLOADED' && code !== 'ERR_RESP_CLOSED') {
      suspicion.disconnected(node);
    }
  }

  #failed(node: Node, error: Error): void {
    if (error instanceof RespError) return this.#refused(node, error);
    const { topology } = this.#options;
    const code = clientCode(error);
    if (code === 'ERR_RESP_OVERLOADED') {
      return this.#end(
        routingError('ERR_OVERLOADED', 'too many requests are waiting for the cache node that owns the key', error),
      );
    }
    void topology.refresh();
    this.#next(node, code === 'ERR_RESP_TIMEOUT' ? 'timeout' : 'connection', UNREACHABLE, error);
  }

  #refused(node: Node, error: RespError): void {
    switch (error.code) {
      case 'MOVED':
        return this.#moved(node, error);
      case 'LOADING':
        if (isBlocked(error.message)) return this.#blocked(node, error);
        return this.#next(
          node,
          'loading',
          'the key is being recovered; it is not known yet whether it is there',
          error,
        );
      case 'TRYAGAIN':
      case 'CLUSTERDOWN':
        return this.#next(node, 'clusterdown', 'the cluster cannot do this safely now', error);
      case 'STALE':
        return this.#stale(node, error);
      case 'PRECONDITION':
        // The state may be the doing of an earlier attempt whose answer was lost.
        return this.#end(
          this.#unknown > 0
            ? routingError('ERR_UNAVAILABLE', 'the answer was lost; the write may have been done', error)
            : routingError('ERR_PRECONDITION_FAILED', 'the entry is not in the state asked for', error),
        );
      case 'NOTANUMBER':
        return this.#end(
          routingError('ERR_NOT_A_NUMBER', 'the value is not a safe integer, or would not stay one', error),
        );
      case 'REUSED':
        return this.#end(
          routingError('ERR_IDEMPOTENCY_KEY_REUSED', 'the Idempotency-Key was used for a request that asked for something else', error), // prettier-ignore
        );
      case 'MISCONF':
        return this.#end(
          routingError('ERR_UNAVAILABLE', 'the cache node that owns the key cannot write to its disk', error),
        );
      case 'OOM':
        return this.#end(routingError('ERR_VALUE_TOO_LARGE', 'the entry does not fit into a cache node', error));
      default:
        this.#options.observer.unexpected(error);
        return this.#end(routingError('ERR_UNAVAILABLE', 'the cache node refused the operation', error));
    }
  }

  /**
   * The stamp is too old, as the write came late, or too far ahead. When no other attempt may have been carried out, it
   * may begin anew; if it is this gateway's time that is off, the registry tells.
   */
  #stale(node: Node, error: RespError): void {
    const { restamp } = this.#command;
    void this.#options.topology.refresh();
    if (restamp === undefined || this.#unknown > 0) {
      return this.#next(node, 'stale', 'the write came too late to the cache node', error);
    }
    restamp();
    this.#stampedAt = this.#options.time.now();
    this.#retry('stale', 'the write came too late to the cache node', error);
  }

  /** Known to wait for long: answered at once, unless another node than the primary has said so. */
  #blocked(node: Node, error: RespError): void {
    const { observer, topology } = this.#options;
    this.#failedAt = [...this.#failedAt, node];
    const primary = topology.ownersOf(this.#command.slot)[0];
    if (primary === undefined || primary.health.suspect || this.#failedAt.includes(primary)) {
      return this.#end(routingError('ERR_RECOVERING', WAITING, error));
    }
    observer.retried('loading');
    this.#send(primary);
  }

  /** On to an owner that was not asked yet; when all were, a pause and all over again. */
  #next(node: Node, reason: RetryReason, message: string, cause: Error): void {
    const { budget, observer, topology } = this.#options;
    this.#failedAt = [...this.#failedAt, node];
    const other = this.#target();
    // A lost connection is followed by one further attempt per request that was on it: no storm either.
    const free = reason === 'connection' || NOT_NOW.has(reason);
    if (other !== undefined && (free || budget.withdraw())) {
      observer.retried(reason);
      return this.#send(other);
    }
    if (topology.ownersOf(this.#command.slot).length > 0) this.#failedAt = NO_NODES;
    this.#retry(reason, message, cause);
  }

  #moved(refusedBy: Node, error: RespError): void {
    const { topology, observer, time } = this.#options;
    if (++this.#redirects > MAX_REDIRECTS) return this.#retry('moved', UNREACHABLE, error);
    observer.retried('moved');
    const refreshed = topology.refresh();
    const moved = parseMoved(error.message);
    const next = (): Node | undefined => {
      const named = moved && topology.nodeAt(moved.host, moved.port);
      if (named) return named;
      const owner = this.#target();
      return owner?.member.id === refusedBy.member.id ? undefined : owner;
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
    if (!NOT_NOW.has(reason) && !budget.withdraw()) {
      observer.budgetExhausted();
      return this.#fail(message, reason, cause);
    }
    observer.retried(reason);
    if (reason === 'no_owner') this.#attempt++; // so that the pauses grow
    time.after(backoff, () => {
      if (!this.done) this.#send(this.#target());
    });
  }

  #fail(message: string, reason?: RetryReason, cause?: Error): void {
    this.#end(routingError(reason === 'loading' ? 'ERR_RECOVERING' : 'ERR_UNAVAILABLE', message, cause));
  }

  #end(error: RoutingError): void {
    this.done = true;
    this.#reject(error);
  }
}

function clientCode(error: Error): string {
  return error instanceof RespClientError ? error.code : 'ERR_RESP_CONNECTION_LOST';
}

/** Whether the attempt that ended so may have been carried out. */
function mayBeDone(error: Error): boolean {
  // Stored, but not copied in time; or passed on to a primary that is silent.
  if (error instanceof RespError) return error.code === 'CLUSTERDOWN' || error.code === 'TRYAGAIN';
  return !(error instanceof RespClientError) || error.sent;
}

/** Another owner would say the same. */
function isFinal(error: Error): boolean {
  return error instanceof RespError && FINAL.has(error.code);
}
