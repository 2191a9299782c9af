import type { RepeatedOperation } from '@dcs/protocol';
import type { Access } from './access.js';
import type { Later } from './later-reply.js';
import type { Request, Session } from './session.js';

/** Redis's flags. */
export type CommandFlag = 'write' | 'readonly' | 'denyoom' | 'admin' | 'fast' | 'loading' | 'stale';

/** Where the keys are among the arguments, as Redis gives it: first, last (-1 = the last argument), step. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** One RESP command. Adding one is adding a file and naming it in `table.ts`. */
export interface Command {
  /** Upper case. */
  readonly name: string;
  /** Arguments, the name included; negative: at least so many. */
  readonly arity: number;
  /** Who may send it. */
  readonly access: Access;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeyPositions;
  readonly summary: string;
  /** Argument that holds the sender's view epoch. */
  readonly epochAt?: number;
  /**
   * The request does not look at what is stored: it need not wait for copies of earlier writes of its key.
   * @param repeated also true of a repeated attempt, which only looks whether it was done already
   */
  readonly isBlind?: (request: Request, repeated?: boolean) => boolean;
  /** The operation that the request repeats, if it may be one that was carried out already, here or elsewhere. */
  readonly repeats?: (request: Request) => RepeatedOperation | undefined;
  /**
   * Returns the encoded reply (a binary string), or one that comes later, for which the replies after it wait.
   * @throws ProtocolError for malformed arguments: the dispatcher answers `-ERR` with its message
   */
  readonly run: (session: Session) => string | Later;
}

export const NO_KEYS: KeyPositions = Object.freeze({ first: 0, last: 0, step: 0 });
export const ONE_KEY: KeyPositions = Object.freeze({ first: 1, last: 1, step: 1 });
export const ALL_KEYS: KeyPositions = Object.freeze({ first: 1, last: -1, step: 1 });
export const KEY_VALUE_PAIRS: KeyPositions = Object.freeze({ first: 1, last: -1, step: 2 });

export function keyAt(position: number): KeyPositions {
  return { first: position, last: position, step: 1 };
}
