import { type onRequestHookHandler } from 'fastify';
import { isLoopback } from '@dcs/environment';
import { GatewayError } from '../errors.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Values of `Sec-Fetch-Site` for what a page of this origin, or nobody's page, sends. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none']);
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+?)\.?(?::\d{1,5})?$/;
/** To listen on; no host is called by them, and browsers that try reach loopback. */
const EVERY_ADDRESS = ['0.0.0.0', '::'];
const IPV4_MAPPED = '::ffff:';
/** Spellings of known hosts that are remembered. */
const MAX_REMEMBERED = 64;

export interface BrowserGuardOptions {
  /** Every caller has a token, which a page of another site has not: then any `Host` will do. */
  readonly tokensRequired: boolean;
  /** Names this gateway is reached by, besides loopback and the address a connection came in on. */
  readonly allowedHosts: readonly string[];
}

/**
 * Keeps pages of other sites out of a gateway that a browser can reach. A name that is made to resolve here (DNS
 * rebinding) is no known `Host`: 421. A call that changes something and comes from a page of another origin: 403.
 */
export function browserGuard({ tokensRequired, allowedHosts }: BrowserGuardOptions): onRequestHookHandler {
  const allowed = new Set(allowedHosts.map((name) => name.toLowerCase()));
  for (const address of EVERY_ADDRESS) allowed.delete(address);
  const remembered = new Set<string>();
  const isKnown = (header: string, localAddress: string | undefined): boolean => {
    const name = hostName(header);
    if (name === undefined) return false;
    if (isLoopback(name) || name.endsWith('.localhost') || allowed.has(name)) return true;
    return name === localAddress?.toLowerCase().replace(IPV4_MAPPED, '');
  };
  return (request, _reply, done) => {
    const { headers, method, socket } = request.raw;
    const { host } = headers;
    if (!tokensRequired && host !== undefined && !remembered.has(host)) {
      if (!isKnown(host, socket.localAddress)) {
        return done(new GatewayError('ERR_UNKNOWN_HOST', 'this gateway is not known by the name in Host; see DCS_ALLOWED_HOSTS')); // prettier-ignore
      }
      if (remembered.size < MAX_REMEMBERED) remembered.add(host);
    }
    if (!SAFE_METHODS.has(method!) && isForeign(headers)) {
      return done(new GatewayError('ERR_FORBIDDEN', 'a page of another origin must not change anything here'));
    }
    done();
  };
}

/** The name or address in a `Host` header, without port and brackets, in lower case. */
function hostName(header: string): string | undefined {
  return HOST.exec(header.toLowerCase())?.[1]?.replace(/^\[|\]$/g, '');
}

function isForeign(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && !OWN_SITES.has(String(site))) return true;
  if (origin === undefined) return false;
  // "null" and whatever else is no URL is foreign. The scheme is not compared: TLS may end before the gateway.
  if (!URL.canParse(String(origin))) return true;
  const own = new URL(String(origin)).host;
  const asked = String(host).toLowerCase();
  return asked !== own && asked !== `${own}:80` && asked !== `${own}:443`;
}
