import { type onRequestHookHandler } from 'fastify';
import { GatewayError } from '../errors.js';
import { routeConfig } from '../http/access.js';
import { allows, type ApiTokens } from './api-tokens.js';

/** Pages that need no token: they hold nothing but the description of the API. */
const OPEN_PATH = /^\/docs(-json|-yaml)?(\/|\?|$)/;

/**
 * Checks `Authorization` against what the route asks for. A path that no route has asks for `read`, so that a caller
 * without a token learns nothing.
 */
export function authHook(tokens: ApiTokens): onRequestHookHandler {
  return (request, _reply, done) => {
    const route = routeConfig(request.routeOptions.config);
    if (route === undefined && OPEN_PATH.test(request.url)) return done();
    const access = route?.access ?? 'read';
    if (access === 'open') return done();
    const role = tokens.roleOf(request.headers.authorization);
    if (role === undefined) {
      return done(new GatewayError('ERR_UNAUTHORIZED', 'this call needs the header "Authorization: Bearer <token>"'));
    }
    if (!allows(role, access)) {
      return done(new GatewayError('ERR_FORBIDDEN', `this call needs the role ${access}, the token has ${role}`));
    }
    done();
  };
}
