import { fastify, type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { ApiTokens } from '../auth/api-tokens.js';
import { authHook } from '../auth/auth.hook.js';
import { type MasterConfig } from '../config/master-config.js';
import { GatewayError, problemAnswer } from '../errors.js';
import { type BodyClass } from './access.js';
import { AllowedMethods } from './allowed-methods.js';
import { answerClientError } from './client-error.js';
import { discardBody } from './discard-body.js';

/** One byte of a value takes at most this many characters of JSON text (`\u0000`). */
const JSON_EXPANSION = 6;
/** Room for the key and the rest of a body around the value. */
const BODY_OVERHEAD_BYTES = 8192;
const SMALL_BODY_BYTES = 4096;

/** How large a body may be, by what it holds. */
export function bodyLimits(config: MasterConfig): Readonly<Record<BodyClass, number>> {
  return {
    none: SMALL_BODY_BYTES,
    value: config.DCS_MAX_VALUE_BYTES * JSON_EXPANSION + BODY_OVERHEAD_BYTES,
    raw: config.DCS_MAX_VALUE_BYTES,
    bulk: config.DCS_BULK_MAX_BYTES,
  };
}

/** Fastify with every bound set, and every error a problem document. Routes come later. */
export function createServer(config: MasterConfig, onDefect: (error: unknown) => void): FastifyInstance {
  const allowed = new AllowedMethods();
  const server = fastify({
    logger: false,
    bodyLimit: SMALL_BODY_BYTES,
    requestTimeout: config.DCS_HTTP_REQUEST_TIMEOUT_MS,
    connectionTimeout: config.DCS_HTTP_CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: config.DCS_HTTP_KEEP_ALIVE_TIMEOUT_MS,
    http: { maxHeaderSize: config.DCS_MAX_HEADER_BYTES, headersTimeout: config.DCS_HTTP_REQUEST_TIMEOUT_MS },
    // A key that is too long is answered with how long it is; the header bound is the bound of the path.
    routerOptions: { maxParamLength: config.DCS_MAX_HEADER_BYTES },
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, error),
  });
  server.server.maxConnections = config.DCS_MAX_CONNECTIONS;
  // Bodies arrive as bytes: each call reads its own, and says what is wrong with them.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.addHook('onRoute', ({ url, method }) => allowed.add(url, method));
  server.setErrorHandler((error, request, reply) => {
    const answer = () => {
      if (sendProblem(reply, error) === 500) onDefect(error);
    };
    if ((error as FastifyError).code === 'FST_ERR_CTP_BODY_TOO_LARGE') discardBody(request.raw, answer);
    else answer();
  });
  server.setNotFoundHandler((request, reply) => {
    const methods = allowed.of(request.url);
    if (methods.length === 0) {
      return void sendProblem(reply, new GatewayError('ERR_NOT_FOUND', 'there is nothing at this path'));
    }
    const allow = methods.join(', ');
    const error = new GatewayError('ERR_METHOD_NOT_ALLOWED', `this path has the methods ${allow}`, {}, { allow });
    sendProblem(reply, error);
  });
  const tokens = new ApiTokens(config.DCS_API_TOKENS);
  if (tokens.required) server.addHook('onRequest', authHook(tokens));
  return server;
}

/** Returns the status. */
export function sendProblem(reply: FastifyReply, error: unknown): number {
  const { status, headers, body } = problemAnswer(error);
  void reply.code(status).headers(headers).serializer(String).send(body);
  return status;
}
