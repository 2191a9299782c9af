import { type FastifyRequest } from 'fastify';
import { type Logger } from 'pino';
import { PROBLEMS, type ProblemCode } from '../errors.js';

/** Refused calls that are logged at once, and then a second; those beyond are counted and told with the next line. */
const BURST_LINES = 20;
const LINES_PER_SECOND = 2;
const MS_PER_SECOND = 1000;
const MAX_CLIENT_LENGTH = 64;

const AUDITED: ReadonlySet<ProblemCode> = new Set(['ERR_UNAUTHORIZED', 'ERR_FORBIDDEN', 'ERR_UNKNOWN_HOST']);

export interface RefusedCalls {
  readonly status: number;
  readonly method: string;
  /** The pattern of the route; `*` for a path that none has. */
  readonly route: string;
  count: number;
}

export interface AuditLogOptions {
  readonly log: Logger;
  /** Monotonic clock, ms. */
  readonly now: () => number;
}

/** Who did what only an administrator may, and who was refused: in the log by the token's name, and in counters. */
export class AuditLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #refused = new Map<string, RefusedCalls>();
  #lines = BURST_LINES;
  #refilledAt: number;
  #unlogged = 0;

  constructor({ log, now }: AuditLogOptions) {
    this.#log = log;
    this.#now = now;
    this.#refilledAt = now();
  }

  /** Calls refused for who made them, by route and status. */
  get refusedCalls(): Iterable<RefusedCalls> {
    return this.#refused.values();
  }

  /** A route that asks who calls: its counters are there, at 0, before the first refusal. */
  declare(method: string, route: string): void {
    for (const code of ['ERR_UNAUTHORIZED', 'ERR_FORBIDDEN'] as const)
      this.#callsOf(PROBLEMS[code].status, method, route);
  }

  /** A call that needs the role admin was answered. */
  administered(request: FastifyRequest, status: number): void {
    this.#log.info({ ...describe(request), path: request.url.split('?', 1)[0], status }, 'audit: administered');
  }

  /** Takes note of a refusal, if it is one for who the caller is. */
  failed(request: FastifyRequest, code: ProblemCode): void {
    if (!AUDITED.has(code)) return;
    const { status } = PROBLEMS[code];
    const { method } = request;
    const route = routeOf(request);
    this.#callsOf(status, method, route).count++;
    if (!this.#mayLog()) return void this.#unlogged++;
    const unlogged = this.#unlogged > 0 ? { unlogged: this.#unlogged } : {};
    this.#unlogged = 0;
    this.#log.warn({ ...describe(request), route, status, code, ...unlogged }, 'audit: refused');
  }

  #callsOf(status: number, method: string, route: string): RefusedCalls {
    const name = `${status} ${method} ${route}`;
    let calls = this.#refused.get(name);
    if (calls === undefined) this.#refused.set(name, (calls = { status, method, route, count: 0 }));
    return calls;
  }

  #mayLog(): boolean {
    const now = this.#now();
    const refill = ((now - this.#refilledAt) / MS_PER_SECOND) * LINES_PER_SECOND;
    this.#lines = Math.min(BURST_LINES, this.#lines + refill);
    this.#refilledAt = now;
    if (this.#lines < 1) return false;
    this.#lines--;
    return true;
  }
}

function routeOf({ is404, routeOptions }: FastifyRequest): string {
  return is404 ? '*' : (routeOptions.url ?? '*');
}

/** `forwardedFor` is what a load balancer in front said, or what the caller made up where there is none. */
function describe(request: FastifyRequest): Record<string, unknown> {
  const { headers, socket } = request.raw;
  const text = (name: string) => headers[name]?.toString().slice(0, MAX_CLIENT_LENGTH);
  return {
    token: request.tokenName ?? null,
    method: request.method,
    client: socket.remoteAddress,
    forwardedFor: text('x-forwarded-for'),
    requestId: text('x-request-id'),
  };
}
