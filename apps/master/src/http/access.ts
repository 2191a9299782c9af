import { applyDecorators, SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { type Role } from '@dcs/environment';

/** `open`: no token is asked for. */
export type RouteAccess = Role | 'open';

/** Headers that make a request conditional, or ask for a part: see RFC 9110, sections 13 and 14. */
export const CONDITION_HEADERS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range',
] as const;
export type ConditionHeader = (typeof CONDITION_HEADERS)[number];

/**
 * What a body is, and with it how large it may be: there is none; a small JSON object; JSON with one value, or with a
 * bulk of them; bytes of any type.
 */
export type BodyClass = 'none' | 'small' | 'value' | 'bulk' | 'raw';

/**
 * What a route asks of its caller, and what it reads of a request; kept beside the handler, read by the server. What is
 * not declared here is refused before the handler runs: nothing that a caller states is passed over.
 */
export interface GatewayRoute {
  readonly access: RouteAccess;
  readonly body: BodyClass;
  /** The query parameters that it reads. */
  readonly query: readonly string[];
  /** The conditions that it evaluates. */
  readonly conditions: readonly ConditionHeader[];
  /**
   * Whether a load balancer may send it to another gateway when one has not answered: done twice it leaves the same
   * behind. `with-key`: only where it has an `Idempotency-Key`.
   */
  readonly repeatable: boolean | 'with-key';
}

/** What a read without anything to state is. */
export const PLAIN_READ = { body: 'none', query: [], conditions: [], repeatable: true } as const;

const ROUTE_METADATA = 'dcs:route';

/** Declares what a handler asks for and reads. */
export function Route(route: GatewayRoute): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(ROUTE_METADATA, route), RouteConfig({ gateway: route }));
}

export function gatewayRouteOf(handler: object): GatewayRoute | undefined {
  return Reflect.getMetadata(ROUTE_METADATA, handler) as GatewayRoute | undefined;
}

/** The configuration of a route as Fastify hands it to hooks. */
export function routeConfig(config: unknown): GatewayRoute | undefined {
  return (config as { gateway?: GatewayRoute } | undefined)?.gateway;
}
