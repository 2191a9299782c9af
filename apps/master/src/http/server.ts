import { type ApiTokens } from '@dcs/environment';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import { type AuditLog } from '../auth/audit-log.js';
import { authHook } from '../auth/auth.hook.js';
import { type Buffers } from '../buffers/buffers.js';
import { type MasterConfig } from '../config/master-config.js';
import { GatewayError, problemAnswer, toGatewayError } from '../errors.js';
import { type BodyClass, routeConfig } from './access.js';
import { AllowedMethods } from './allowed-methods.js';
import { BodyRefusedError, bodyReader, expectContinue } from './body-reader.js';
import { browserGuard } from './browser-guard.js';
import { answerClientError } from './client-error.js';
import { Connection } from './connection.js';
import { discardBody } from './discard-body.js';
import { GatewayResponse } from './gateway-response.js';
import { DOCS_POLICY } from './security-headers.js';
import { statementsHook } from './statements.hook.js';

/** One byte of a value takes at most this many characters of JSON text (`\u0000`). */
const JSON_EXPANSION = 6;
/** Room for the key and the rest of a body around the value. */
const BODY_OVERHEAD_BYTES = 8192;
const SMALL_BODY_BYTES = 4096;

/** How large a body may be, by what it holds. */
export function bodyLimits(config: MasterConfig): Readonly<Record<BodyClass, number>> {
  return {
    none: SMALL_BODY_BYTES,
    small: SMALL_BODY_BYTES,
    value: config.DCS_MAX_VALUE_BYTES * JSON_EXPANSION + BODY_OVERHEAD_BYTES,
    raw: config.DCS_MAX_VALUE_BYTES,
    bulk: config.DCS_BULK_MAX_BYTES,
  };
}

/** Routes that are not ours: the description of the API, and what catches all that has no route. */
const UNDECLARED = /^\/docs|\*/;
/** The description of the API as pages, which run scripts. */
const DOCS_PAGE = /^\/docs([/?]|$)/;

export interface ServerOptions {
  readonly config: MasterConfig;
  readonly tokens: ApiTokens;
  readonly buffers: Buffers;
  readonly audit: AuditLog;
  readonly onDefect: (error: unknown) => void;
}

/** Fastify with every bound set, and every error a problem document. Routes come later. */
export function createServer({ config, tokens, buffers, audit, onDefect }: ServerOptions): FastifyInstance {
  const allowed = new AllowedMethods();
  const server = fastify({
    logger: false,
    bodyLimit: SMALL_BODY_BYTES,
    requestTimeout: config.DCS_HTTP_REQUEST_TIMEOUT_MS,
    connectionTimeout: config.DCS_HTTP_CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: config.DCS_HTTP_KEEP_ALIVE_TIMEOUT_MS,
    http: {
      maxHeaderSize: config.DCS_MAX_HEADER_BYTES,
      headersTimeout: config.DCS_HTTP_REQUEST_TIMEOUT_MS,
      ServerResponse: GatewayResponse as never, // Node types it by its own subclass of request
    },
    // A key that is too long is answered with how long it is; the header bound is the bound of the path.
    routerOptions: { maxParamLength: config.DCS_MAX_HEADER_BYTES },
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, error),
  });
  server.server.maxConnections = config.DCS_MAX_CONNECTIONS;
  // Past the bound that Node has of itself headers are lost without a word; here their bytes are the bound.
  server.server.maxHeadersCount = 0;
  // Bodies arrive as bytes: each call reads its own, and says what is wrong with them.
  server.removeAllContentTypeParsers();
  server.decorateRequest('bodyHold', undefined);
  server.addContentTypeParser('*', bodyReader(buffers));
  // "Expect: 100-continue" is answered when the body is about to be read, not before it is known to be wanted.
  server.server.on('checkContinue', (request, response) => {
    expectContinue(request, response);
    server.server.emit('request', request, response);
  });
  server.addHook('onRoute', ({ url, method, config: route }) => {
    allowed.add(url, method);
    const access = routeConfig(route)?.access ?? 'open';
    if (access !== 'open') for (const each of [method].flat()) audit.declare(each, url);
    if (routeConfig(route) === undefined && !UNDECLARED.test(url)) {
      throw new Error(`${String(method)} ${url} does not declare what it reads: it needs @Route`);
    }
  });
  server.setErrorHandler((error, request, reply) => {
    const problem = toGatewayError(error);
    audit.failed(request, problem.code);
    const answer = () => {
      if (sendProblem(reply, problem) === 500) onDefect(error);
    };
    if (problem instanceof BodyRefusedError) discardBody(request.raw, answer);
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
  server.decorateRequest('tokenName', undefined);
  server.addHook('onRequest', (request, reply, done) =>
    Connection.of(request.raw.socket, buffers).enter(reply.raw as GatewayResponse, done),
  );
  const allowedHosts = [...config.DCS_ALLOWED_HOSTS, config.DCS_HOST];
  server.addHook('onRequest', browserGuard({ tokensRequired: tokens.required, allowedHosts }));
  server.addHook('onRequest', authHook(tokens, audit));
  server.addHook('onRequest', statementsHook);
  server.addHook('onSend', (request, reply, payload, done) => {
    request.bodyHold?.release();
    if (DOCS_PAGE.test(request.url)) reply.header('content-security-policy', DOCS_POLICY);
    const bytes = sizeOf(payload);
    const held = Connection.of(request.raw.socket, buffers).hold(reply.raw as GatewayResponse, bytes);
    if (held || reply.statusCode >= 400) done();
    else done(new GatewayError('ERR_OVERLOADED', 'the answers that clients have not read yet take all the room'));
  });
  return server;
}

/** Bytes of an answer that is there as a whole; a stream is read as it is sent. */
function sizeOf(payload: unknown): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  return Buffer.isBuffer(payload) ? payload.length : 0;
}

/** Returns the status. */
export function sendProblem(reply: FastifyReply, error: unknown): number {
  const { status, headers, body } = problemAnswer(error);
  void reply.code(status).headers(headers).serializer(String).send(body);
  return status;
}
