import { readFileSync } from 'node:fs';
import { ConfigError, problem } from './config-error.js';

/** With fewer a process serves nobody worth starting it for. */
const LEAST_CONNECTIONS = 16;

/**
 * How many files and sockets this process may have open at once; undefined where the system does not say. Node raises
 * the soft limit to the hard one when it starts.
 */
export function openFileLimit(
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+|unlimited)/m.exec(readFile('/proc/self/limits')) ?? [];
    return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
  } catch {
    return undefined; // not Linux
  }
}

/**
 * How many connections of clients a process can take so that its own files and links can always be opened: what it was
 * configured with, or less. Past the limit of the system it would be its journal, or its link to the registry, that fails.
 *
 * @param configured DCS_MAX_CONNECTIONS
 * @param reserved descriptors of its own: files, registry, links to other processes
 * @param limit see {@link openFileLimit}
 * @throws ConfigError when hardly any connection would be left
 */
export function connectionsWithin(configured: number, reserved: number, limit: number | undefined): number {
  if (limit === undefined) return configured;
  const possible = limit - reserved;
  const least = Math.min(configured, LEAST_CONNECTIONS);
  if (possible >= least) return Math.min(configured, possible);
  const expected = `at least ${reserved + least} (${reserved} for its own files and links): raise it (ulimit -n)`;
  throw new ConfigError([problem('limit of open files', String(limit), expected)]);
}
