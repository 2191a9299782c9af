import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { type FastifyReply } from 'fastify';
import { sendProblem } from './server.js';

/** What Nest's controllers throw becomes a problem document like everything else. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #onDefect: (error: unknown) => void;

  constructor(onDefect: (error: unknown) => void) {
    this.#onDefect = onDefect;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    if (sendProblem(host.switchToHttp().getResponse<FastifyReply>(), error) === 500) this.#onDefect(error);
  }
}
