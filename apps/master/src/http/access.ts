import { applyDecorators, SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { type Role } from '@dcs/environment';

/** `open`: no token is asked for. */
export type RouteAccess = Role | 'open';

/** What a route asks of its caller and of the body; kept beside the handler, read by the server. */
export interface GatewayRoute {
  readonly access: RouteAccess;
  readonly body?: BodyClass;
}

/** Which bound the body has: none at all, one value, or a bulk of them. */
export type BodyClass = 'none' | 'value' | 'raw' | 'bulk';

const ROUTE_METADATA = 'dcs:route';

/** Marks a handler with the role it needs and the bound of its body. */
export function Route(access: RouteAccess, body: BodyClass = 'none'): MethodDecorator & ClassDecorator {
  const route: GatewayRoute = { access, body };
  return applyDecorators(SetMetadata(ROUTE_METADATA, route), RouteConfig({ gateway: route }));
}

export function gatewayRouteOf(handler: object): GatewayRoute | undefined {
  return Reflect.getMetadata(ROUTE_METADATA, handler) as GatewayRoute | undefined;
}

/** The configuration of a route as Fastify hands it to hooks. */
export function routeConfig(config: unknown): GatewayRoute | undefined {
  return (config as { gateway?: GatewayRoute } | undefined)?.gateway;
}
