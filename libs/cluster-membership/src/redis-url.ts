import { type MembershipError, invalid } from './errors.js';
import type { Address } from './redis-client.js';

/** How to reach the Redis that a URL names. */
export interface RedisTarget {
  /** The addresses are that of the server, those of Sentinels, or those of some nodes of a Redis Cluster. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly addresses: readonly Address[];
  /** What the Sentinels call the primary. */
  readonly masterName?: string;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls: boolean;
}

const SHAPE = /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^/?#]*))?$/;
const WANTED =
  'redis[s]://[user:password@]host[:port][/db], redis[s]+sentinel://host:port,host:port/masterName or ' +
  'redis[s]+cluster://host:port,host:port, with ports from 1 to 65535, and user and password percent-encoded ' +
  '(or given apart from the URL)';

/**
 * `redis://` and `rediss://` (TLS), both also with `+sentinel` and `+cluster`. User name and password are
 * percent-encoded. Ports left out are 6379, for Sentinels 26379. A message never shows what stands before the `@`.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const match = typeof url === 'string' ? SHAPE.exec(url) : null;
  if (!match) throw bad(url);
  const [, scheme, flavour, credentials, hosts = '', path = ''] = match;
  const sentinel = flavour === '+sentinel';
  const addresses = hosts.split(',').map((host) => parseAddress(host, sentinel ? 26_379 : 6_379, url));
  const common = { addresses, tls: scheme === 'rediss', ...parseCredentials(credentials, url) };
  if (sentinel) {
    if (path === '') throw bad(url);
    return { kind: 'sentinel', ...common, masterName: decode(path, url) };
  }
  if (flavour === '+cluster') {
    if (path !== '') throw bad(url);
    return { kind: 'cluster', ...common };
  }
  if (addresses.length > 1 || !/^\d{0,4}$/.test(path)) throw bad(url);
  return { kind: 'single', ...common, ...(path !== '' && { db: Number(path) }) };
}

function parseAddress(text: string, defaultPort: number, url: string): Address {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? defaultPort);
  if (!match?.[1] || port < 1 || port > 65_535) throw bad(url);
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

function parseCredentials(text: string | undefined, url: string): { username?: string; password?: string } {
  if (!text) return {};
  const colon = text.indexOf(':');
  const username = decode(colon < 0 ? text : text.slice(0, colon), url);
  const password = colon < 0 ? '' : decode(text.slice(colon + 1), url);
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function decode(text: string, url: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad(url);
  }
}

function bad(url: unknown): MembershipError {
  return invalid('url', String(url).replace(/\/\/.*@/s, '//***@'), WANTED);
}
