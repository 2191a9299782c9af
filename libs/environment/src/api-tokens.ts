import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { secretLines } from './secret-text.js';

/** What a caller may do; each role includes those before it. */
export const ROLES = ['read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface ApiToken {
  /** Who calls; not a secret. */
  readonly name: string;
  readonly token: string;
  readonly role: Role;
}

const MIN_TOKEN_LENGTH = 8;
const TOKEN = /^([A-Za-z0-9._-]{1,64}):([\x21-\x2b\x2d-\x39\x3b-\x7e]{8,256}):(read|write|admin)$/;

/** `name:token:role`, separated by commas or lines. */
export const apiTokens = z
  .string()
  .transform((value, context): readonly ApiToken[] => {
    const refuse = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const parsed: ApiToken[] = [];
    for (const part of secretLines(value).flatMap((line) => line.split(',').map((piece) => piece.trim()))) {
      const [, name, token, role] = TOKEN.exec(part) ?? [];
      if (name === undefined || token === undefined) return refuse('not name:token:role');
      if (parsed.some((known) => known.name === name)) return refuse('a name given twice');
      if (parsed.some((known) => known.token === token)) return refuse('a token given twice');
      parsed.push({ name, token, role: role as Role });
    }
    return parsed.length > 0 ? parsed : refuse('no token');
  })
  .default([])
  .describe(
    `name:token:role, separated by commas or lines; each name and each token once; a token has ${MIN_TOKEN_LENGTH} to ` +
      `256 visible ASCII characters without "," and ":"; role is one of ${ROLES.join(', ')}`,
  );

/** The one table of who may do what, for HTTP and RESP. Tokens are compared as hashes, each with each: time tells nothing. */
export class ApiTokens {
  #tokens: readonly { readonly digest: Buffer; readonly token: ApiToken }[] = [];

  constructor(tokens: readonly ApiToken[]) {
    this.replace(tokens);
  }

  /** Takes other tokens from now on. */
  replace(tokens: readonly ApiToken[]): void {
    this.#tokens = tokens.map((token) => ({ digest: digest(token.token), token }));
  }

  /** Whether a token that was found before is still one, with the same name and role. */
  has({ name, token, role }: ApiToken): boolean {
    return this.find(token, name)?.role === role;
  }

  /** Whether callers need one. */
  get required(): boolean {
    return this.#tokens.length > 0;
  }

  /** Whose token it is; undefined for nobody's. O(tokens). @param name given: only of this name */
  find(given: string, name?: string): ApiToken | undefined {
    const hash = digest(given);
    let found: ApiToken | undefined;
    for (const known of this.#tokens) {
      if (timingSafeEqual(known.digest, hash) && (name === undefined || name === known.token.name)) found = known.token;
    }
    return found;
  }
}

/** Whether `role` may do what asks for `needed`. */
export function allows(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'latin1').digest();
}
