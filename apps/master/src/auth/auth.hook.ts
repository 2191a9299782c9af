import { allows, type ApiTokens } from '@dcs/environment';
import { type FastifyReply, type FastifyRequest, type onRequestHookHandler } from 'fastify';
import { GatewayError } from '../errors.js';
import { routeConfig } from '../http/access.js';
import { type AuditLog } from './audit-log.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the caller's token, once it is known. */
    tokenName: string | undefined;
  }
}

const BEARER = /^Bearer +([^\s]+) *$/i;
/** Pages that need no token: they hold nothing but the description of the API. */
const OPEN_PATH = /^\/docs(-json|-yaml)?(\/|\?|$)/;

/**
 * Checks `Authorization` against what the route asks for, and has administrators' calls logged. A path that no route has
 * asks for `read`, so that a caller without a token learns nothing. Without tokens everybody may do everything.
 */
export function authHook(tokens: ApiTokens, audit: AuditLog): onRequestHookHandler {
  return (request, reply, done) => {
    const route = routeConfig(request.routeOptions.config);
    if (tokens.required) {
      const refusal = refuse(tokens, request);
      if (refusal) return done(refusal);
    }
    if (route?.access === 'admin') auditAnswer(audit, request, reply);
    done();
  };
}

function refuse(tokens: ApiTokens, request: FastifyRequest): GatewayError | undefined {
  const route = routeConfig(request.routeOptions.config);
  if (route === undefined && OPEN_PATH.test(request.url)) return undefined;
  const access = route?.access ?? 'read';
  if (access === 'open') return undefined;
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  const caller = token === undefined ? undefined : tokens.find(token);
  if (caller === undefined) {
    return new GatewayError('ERR_UNAUTHORIZED', 'this call needs the header "Authorization: Bearer <token>"');
  }
  request.tokenName = caller.name;
  if (allows(caller.role, access)) return undefined;
  return new GatewayError('ERR_FORBIDDEN', `this call needs the role ${access}, the token has ${caller.role}`);
}

function auditAnswer(audit: AuditLog, request: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => audit.administered(request, reply.statusCode));
}
