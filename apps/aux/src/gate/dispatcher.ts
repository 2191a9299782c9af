import { ProtocolError } from '@dcs/protocol';
import { Reply } from '@dcs/resp';
import { runKeyed } from './cluster-gate.js';
import { ACCESS_LEVELS } from '../commands/access.js';
import type { Command } from '../commands/command.js';
import { NO_AUTH, noPermission, PEER_ONLY, wrongArity } from '../commands/errors.js';
import type { Later } from '../commands/later-reply.js';
import type { Session } from '../commands/session.js';

/** What a command has done so far; plain numbers, read when metrics are scraped. */
export interface CommandCounters {
  ok: number;
  error: number;
}

interface Prepared {
  readonly command: Command;
  readonly counters: CommandCounters;
  readonly firstKey: number;
  readonly level: number;
}

/** A reply that is still to come, and how many requests in a row it answers. */
interface Answer {
  readonly reply: Later;
  readonly counters: CommandCounters;
  uses: number;
}

export interface DispatcherOptions {
  readonly commands: ReadonlyMap<string, Command>;
  /** Told the time of every {@link SAMPLED_EVERY}th command that answered at once. */
  readonly onSample?: (command: string, seconds: number) => void;
  /** Monotonic, in ms. */
  readonly monotonicNow: () => number;
  /** Told what a command has thrown; its connection ends with an error reply. @defaultValue it is thrown */
  readonly onDefect?: (thrown: unknown) => void;
}

export const SAMPLED_EVERY = 64;
/** An error reply is a short line; a longer reply is a value. */
const LONGEST_ERROR = 600;
const MINUS = 0x2d;
const INTERNAL = Reply.error('ERR internal error: this connection ends');
/** Bytes of unknown commands that are quoted back. */
const QUOTED_BYTES = 128;

/** Finds the command of a request, checks what holds for all commands, and runs it. */
export class Dispatcher {
  /** Requests that named no command. */
  unknown = 0;
  processed = 0;
  /** Replies that are still to come. */
  pending = 0;

  readonly #prepared = new Map<string, Prepared>();
  readonly #onSample: ((command: string, seconds: number) => void) | undefined;
  readonly #monotonicNow: () => number;
  readonly #onDefect: ((thrown: unknown) => void) | undefined;
  #lastLater: Answer | undefined;

  constructor({ commands, onSample, monotonicNow, onDefect }: DispatcherOptions) {
    this.#onSample = onSample;
    this.#onDefect = onDefect;
    this.#monotonicNow = monotonicNow;
    for (const [name, command] of commands) {
      this.#prepared.set(name, {
        command,
        counters: { ok: 0, error: 0 },
        firstKey: command.keys.first,
        level: ACCESS_LEVELS[command.access],
      });
    }
  }

  /** Calls back for every command that was used. */
  eachCounter(visit: (command: string, counters: CommandCounters) => void): void {
    for (const [name, { counters }] of this.#prepared) if (counters.ok + counters.error > 0) visit(name, counters);
  }

  /** The reply to the session's request, or one that comes later. Never throws, never rejects. */
  execute(session: Session): string | Later {
    const { request } = session;
    this.processed++;
    const prepared = this.#prepared.get(request.upper(0));
    if (prepared === undefined) {
      this.unknown++;
      return session.authenticated ? unknownCommand(session) : NO_AUTH;
    }
    const { command } = prepared;
    const { arity } = command;
    if (arity > 0 ? request.argc !== arity : request.argc < -arity) {
      prepared.counters.error++;
      return wrongArity(command.name);
    }
    if (session.level < prepared.level) {
      prepared.counters.error++;
      return refusal(session, command);
    }
    if (command.epochAt !== undefined && session.node.refresh.needed(request.integer(command.epochAt) ?? 0)) {
      return this.#afterRefresh(session, prepared, request.integer(command.epochAt)!);
    }
    if (this.#onSample === undefined || this.processed % SAMPLED_EVERY !== 0) return this.#run(session, prepared);
    const startedAt = this.#monotonicNow();
    const reply = this.#run(session, prepared);
    this.#onSample(command.name, (this.#monotonicNow() - startedAt) / 1000);
    return reply;
  }

  /** The sender has seen a newer view: nothing more is read from this connection until the node has looked for it. */
  async #afterRefresh(session: Session, prepared: Prepared, epoch: number): Promise<string> {
    session.blocked = true;
    this.pending++;
    try {
      await session.node.refresh.until(epoch);
      return await this.#run(session, prepared);
    } finally {
      this.pending--;
      session.blocked = false;
    }
  }

  #run(session: Session, { command, counters, firstKey }: Prepared): string | Later {
    let reply: string | Later;
    try {
      reply = firstKey === 0 ? command.run(session) : runKeyed(session, command);
    } catch (thrown) {
      reply = this.#failed(session, thrown);
    }
    if (reply instanceof Promise) reply = (reply as Promise<string>).catch((thrown) => this.#failed(session, thrown));
    if (typeof reply !== 'string') return this.#later(reply, counters);
    if (reply.length < LONGEST_ERROR && reply.charCodeAt(0) === MINUS) counters.error++;
    else counters.ok++;
    return reply;
  }

  /** The reply to a request that has thrown: malformed arguments are answered, a defect ends the connection. */
  #failed(session: Session, thrown: unknown): string {
    if (thrown instanceof ProtocolError) return Reply.error(`ERR ${thrown.message}`);
    if (this.#onDefect === undefined) throw thrown;
    this.#onDefect(thrown);
    session.closing = true;
    return INTERNAL;
  }

  #later(reply: Later, counters: CommandCounters): Later {
    this.pending++;
    const last = this.#lastLater;
    if (last !== undefined && last.reply === reply && last.counters === counters) {
      last.uses++;
      return reply;
    }
    const answer: Answer = { reply, counters, uses: 1 };
    this.#lastLater = answer;
    reply.then((text) => {
      if (this.#lastLater === answer) this.#lastLater = undefined;
      this.pending -= answer.uses;
      counters[text.charCodeAt(0) === MINUS ? 'error' : 'ok'] += answer.uses;
    });
    return reply;
  }
}

function refusal(session: Session, { name, access }: Command): string {
  if (!session.authenticated) return NO_AUTH;
  return access === 'peer' ? PEER_ONLY : noPermission(session.user, name);
}

/** Redis's words for it, with the first arguments quoted. */
function unknownCommand({ request }: Session): string {
  let quoted = '';
  for (let i = 1; i < request.argc && quoted.length < QUOTED_BYTES; i++) {
    quoted += `'${request.binary(i).slice(0, QUOTED_BYTES - quoted.length)}' `;
  }
  const name = request.binary(0).slice(0, QUOTED_BYTES);
  return Reply.error(`ERR unknown command '${name}', with args beginning with: ${quoted}`);
}
