import { createHash, timingSafeEqual } from 'node:crypto';
import { type ApiToken, type Role } from '../config/master-config.js';

const RANK: Readonly<Record<Role, number>> = { read: 1, write: 2, admin: 3 };
const BEARER = /^Bearer +([^\s]+) *$/i;

/** Whose token it is, and what it may do. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

interface KnownToken extends Caller {
  readonly digest: Buffer;
}

/** The tokens that calls are made with. Compared as hashes, each with each, so that time tells nothing. */
export class ApiTokens {
  readonly #tokens: readonly KnownToken[];

  constructor(tokens: readonly ApiToken[]) {
    this.#tokens = tokens.map(({ name, token, role }) => ({ name, role, digest: digest(token) }));
  }

  get required(): boolean {
    return this.#tokens.length > 0;
  }

  /** Who sends this `Authorization` header; undefined when it has no known token. O(tokens). */
  callerOf(authorization: string | undefined): Caller | undefined {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const given = digest(token);
    let caller: Caller | undefined;
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, given)) caller = known;
    return caller;
  }
}

/** Whether `role` may do what asks for `needed`. */
export function allows(role: Role, needed: Role): boolean {
  return RANK[role] >= RANK[needed];
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'latin1').digest();
}
