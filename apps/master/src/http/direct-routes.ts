import { RequestMethod, type Type } from '@nestjs/common';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { type BodyClass, gatewayRouteOf } from './access.js';

type Handler = (request: FastifyRequest, reply: FastifyReply) => void;

export interface DirectRoute {
  readonly method: HTTPMethods;
  readonly url: string;
  readonly handler: string;
}

// What Nest's own route decorators leave on a controller and its methods.
const PATH_METADATA = 'path';
const METHOD_METADATA = 'method';

/**
 * The routes that a Nest controller declares with `@Controller`, `@Get`, ... Such a controller is documented and injected
 * as any other, but its handlers are called by Fastify itself, without Nest's proxies around them.
 */
export function directRoutesOf(controller: Type<unknown>): DirectRoute[] {
  const prefix = String(Reflect.getMetadata(PATH_METADATA, controller));
  const routes: DirectRoute[] = [];
  for (const name of Object.getOwnPropertyNames(controller.prototype)) {
    const handler = (controller.prototype as Record<string, unknown>)[name];
    if (name === 'constructor' || typeof handler !== 'function') continue;
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) continue;
    const path = String(Reflect.getMetadata(PATH_METADATA, handler));
    const url = `/${[prefix, path].map((part) => part.replace(/^\/|\/$/g, '')).filter(Boolean).join('/')}`; // prettier-ignore
    routes.push({ method: RequestMethod[method] as HTTPMethods, url, handler: name });
  }
  return routes;
}

export interface DirectRouteOptions {
  readonly controller: Type<unknown>;
  /** The controller itself; asked for with the first request, when the application has made it. */
  readonly instance: () => object;
  readonly bodyLimits: Readonly<Record<BodyClass, number>>;
}

/** Registers the routes; Nest's adapter leaves them alone. */
export function registerDirectRoutes(fastify: FastifyInstance, options: DirectRouteOptions): void {
  const { controller, instance, bodyLimits } = options;
  let target: Record<string, Handler> | undefined;
  for (const { method, url, handler } of directRoutesOf(controller)) {
    const route = gatewayRouteOf((controller.prototype as Record<string, object>)[handler]!);
    fastify.route({
      method,
      url,
      config: { gateway: route },
      exposeHeadRoute: false,
      bodyLimit: bodyLimits[route?.body ?? 'none'],
      handler: (request, reply) => {
        target ??= instance() as Record<string, Handler>;
        target[handler]!(request, reply);
      },
    });
  }
}
