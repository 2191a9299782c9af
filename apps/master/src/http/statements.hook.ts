import { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type onRequestHookHandler } from 'fastify';
import { essence, JSON_TYPE } from '../data/negotiation.js';
import { GatewayError } from '../errors.js';
import { CONDITION_HEADERS, type GatewayRoute, routeConfig } from './access.js';

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]+)"?/i;
/** Headers of which Node keeps the first and drops the others. By length: a look at a number tells most names apart. */
const SINGLE_HEADERS: Readonly<Record<number, string>> = { 4: 'host', 12: 'content-type', 13: 'authorization' };

/**
 * Refuses what a request states and its route does not read, before anything of the body is: a condition, a query
 * parameter, an encoding, a body. A caller who states something counts on it.
 */
export const statementsHook: onRequestHookHandler = (request, _reply, done) => {
  const route = routeConfig(request.routeOptions.config);
  done(route === undefined ? undefined : (refusalOf(route, request.raw, request.query as object) ?? undefined));
};

function refusalOf(route: GatewayRoute, raw: IncomingMessage, query: object): GatewayError | undefined {
  const { headers } = raw;
  for (const name of CONDITION_HEADERS) {
    if (headers[name] !== undefined && !route.conditions.includes(name)) {
      return badRequest(`this call does not evaluate ${titleOf(name)}`);
    }
  }
  for (const name in query) {
    if (!route.query.includes(name)) {
      return badRequest(`this call has no query parameter ${JSON.stringify(name.slice(0, 64))}`);
    }
  }
  return repeatedHeader(raw.rawHeaders) ?? bodyRefusal(route, headers);
}

/** Of two that say different things, one would be lost. */
function repeatedHeader(raw: readonly string[]): GatewayError | undefined {
  let seen = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const { length } = raw[i]!;
    const single = SINGLE_HEADERS[length];
    if (single === undefined || raw[i]!.toLowerCase() !== single) continue;
    if ((seen & (1 << length)) !== 0) return badRequest(`the header ${titleOf(single)} is there more than once`);
    seen |= 1 << length;
  }
  return undefined;
}

function bodyRefusal({ body }: GatewayRoute, headers: IncomingHttpHeaders): GatewayError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    return unsupported('bodies are taken without a Content-Encoding');
  }
  const transfer = headers['transfer-encoding'];
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') {
    return unsupported('bodies are taken without a Transfer-Encoding but chunked');
  }
  if (headers['content-range'] !== undefined) return badRequest('a part of a value cannot be written: Content-Range');
  const hasBody = transfer !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (body === 'raw') return undefined;
  if (body === 'none') return hasBody ? badRequest('this call takes no body') : undefined;
  // What a page of another site sends without asking cannot say that it is JSON.
  const type = headers['content-type'] ?? '';
  return type === JSON_TYPE || (type === '' && !hasBody) || isJsonType(type)
    ? undefined
    : unsupported('the body must be application/json in UTF-8');
}

function isJsonType(contentType: string): boolean {
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
  return essence(contentType) === JSON_TYPE && (charset === 'utf-8' || charset === 'utf8');
}

/** `if-none-match` as `If-None-Match`. */
function titleOf(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

function badRequest(detail: string): GatewayError {
  return new GatewayError('ERR_BAD_REQUEST', detail);
}

function unsupported(detail: string): GatewayError {
  return new GatewayError('ERR_UNSUPPORTED_MEDIA_TYPE', detail);
}
