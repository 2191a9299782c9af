import { createHash, timingSafeEqual } from 'node:crypto';
import { type ApiToken, type Role } from '../config/master-config.js';

const RANK: Readonly<Record<Role, number>> = { read: 1, write: 2, admin: 3 };
const BEARER = /^Bearer +([^\s]+) *$/i;

/** The tokens that calls are made with. Compared as hashes, each with each, so that time tells nothing. */
export class ApiTokens {
  readonly #tokens: readonly { readonly digest: Buffer; readonly role: Role }[];

  constructor(tokens: readonly ApiToken[]) {
    this.#tokens = tokens.map(({ token, role }) => ({ digest: digest(token), role }));
  }

  get required(): boolean {
    return this.#tokens.length > 0;
  }

  /** The role of an `Authorization` header; undefined when it names no token. O(tokens). */
  roleOf(authorization: string | undefined): Role | undefined {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const given = digest(token);
    let role: Role | undefined;
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, given)) role = known.role;
    return role;
  }
}

/** Whether `role` may do what asks for `needed`. */
export function allows(role: Role, needed: Role): boolean {
  return RANK[role] >= RANK[needed];
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'latin1').digest();
}
