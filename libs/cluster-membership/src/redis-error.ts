import { type MembershipError, RegistryError, isMembershipError } from './errors.js';

/** Where a script failed: Redis 7 puts it at the end of the message, Redis 6 before the inner error. */
const IN_SCRIPT = /user_script/;
const OUTER = /^ERR Error running script.*?user_script:\s*\d+:\s*/;
/** The server is not the primary (any more): the connection leads to the wrong place. */
const WRONG_SERVER: ReadonlySet<string> = new Set([
  'READONLY',
  'MOVED',
  'ASK',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'REDIRECT',
]);
/** Words of the server's about a command, not about what the keys hold. */
const ABOUT_COMMANDS = /unknown (redis )?command|not allowed|can't run this command|no permission/i;

/** The word that Redis begins an error with, `READONLY` or `WRONGTYPE`; `''` for what is no reply of Redis's. */
export function wordOf(error: unknown): string {
  return /^([A-Z][A-Z0-9]+) /.exec(messageOf(error).replace(OUTER, ''))?.[1] ?? '';
}

/** The keys hold something that the script did not put there. */
function isDamage(error: unknown): boolean {
  const word = wordOf(error);
  if (word === 'WRONGTYPE') return true;
  const message = messageOf(error);
  return (word === 'ERR' || word === '') && IN_SCRIPT.test(message) && !ABOUT_COMMANDS.test(message);
}

/** A new connection, to a server that is found anew, may do better. */
export function leadsToWrongServer(error: unknown): boolean {
  return WRONG_SERVER.has(wordOf(error));
}

/** What a failed call rejects with. */
export function registryError(error: unknown): MembershipError {
  if (isMembershipError(error)) return error;
  const reason = messageOf(error);
  if (isDamage(error)) {
    return new RegistryError('ERR_REGISTRY_CORRUPT', `the keys in Redis are damaged: ${reason}`, { cause: error });
  }
  return new RegistryError('ERR_REGISTRY_UNAVAILABLE', `Redis: ${reason}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String((error as Error | undefined)?.message ?? error);
}
