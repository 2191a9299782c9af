import { MAX_TOKEN_BYTES } from './limits.js';

/*
 * A client's idempotency key as it goes to the nodes: `<digest> <key>`, where the digest is that of what the call asked
 * for. A key has no space in it. A token without a digest is of a gateway that does not send one, and goes with any.
 */

/** Characters of a digest. */
export const TOKEN_DIGEST_CHARACTERS = 16;
/** Longest token with its digest. */
export const MAX_BOUND_TOKEN_BYTES = MAX_TOKEN_BYTES + TOKEN_DIGEST_CHARACTERS + 1;

/** The token of a key for a request with this digest; '' for none. */
export function bindToken(key: string, digest: string): string {
  return key === '' ? '' : `${digest} ${key}`;
}

/** The client's key in a token. */
export function tokenKey(token: string): string {
  return token.slice(token.indexOf(' ') + 1);
}

/** The digest in a token; '' where there is none. */
export function tokenDigest(token: string): string {
  return token.slice(0, Math.max(0, token.indexOf(' ')));
}

/** Whether two tokens of one key stand for requests that ask for different things. */
export function isOtherRequest(token: string, known: string): boolean {
  const digest = tokenDigest(token);
  const knownDigest = tokenDigest(known);
  return digest !== '' && knownDigest !== '' && digest !== knownDigest;
}
