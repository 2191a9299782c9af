import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type FastifyInstance } from 'fastify';
import { type DirectRoute } from './direct-routes.js';

/**
 * Nest's adapter around a Fastify instance that has its direct routes, error handler and not-found handler already:
 * Nest does not register those again, and adds nothing to what a request goes through.
 */
export class GatewayAdapter extends FastifyAdapter {
  readonly #direct: ReadonlySet<string>;

  constructor(instance: FastifyInstance, direct: readonly DirectRoute[]) {
    const { addHook } = instance;
    // The adapter adds eight hooks to every request, for CORS, CSRF, versioning and middleware. None of it is used here,
    // and each hook costs every read its share.
    Object.assign(instance, { addHook: () => instance, skipMiddie: true });
    super(instance as never); // Nest types its instance with a version constraint, which is not used either
    Object.assign(instance, { addHook });
    this.#direct = new Set(direct.map(({ method, url }) => `${String(method)} ${url}`));
  }

  override get(...args: Parameters<FastifyAdapter['get']>) {
    return this.#isDirect('GET', args) ? this.getInstance() : super.get(...args);
  }

  override head(...args: Parameters<FastifyAdapter['head']>) {
    return this.#isDirect('HEAD', args) ? this.getInstance() : super.head(...args);
  }

  override post(...args: Parameters<FastifyAdapter['post']>) {
    return this.#isDirect('POST', args) ? this.getInstance() : super.post(...args);
  }

  override put(...args: Parameters<FastifyAdapter['put']>) {
    return this.#isDirect('PUT', args) ? this.getInstance() : super.put(...args);
  }

  override delete(...args: Parameters<FastifyAdapter['delete']>) {
    return this.#isDirect('DELETE', args) ? this.getInstance() : super.delete(...args);
  }

  /** The instance's own handler stays: it turns everything into problem documents. */
  override setErrorHandler(): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.getInstance();
  }

  override setNotFoundHandler(): ReturnType<FastifyAdapter['setNotFoundHandler']> {
    return this.getInstance();
  }

  #isDirect(method: string, [url]: readonly unknown[]): boolean {
    return typeof url === 'string' && this.#direct.has(`${method} ${url}`);
  }
}
