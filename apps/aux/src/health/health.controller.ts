import { Controller, Get, Inject, Res } from '@nestjs/common';
import { AuxServer } from '../aux-server.js';

/** The one thing that is wanted of Fastify's reply here. */
interface StatusReply {
  status(code: number): unknown;
}

interface Readiness {
  readonly status: string;
  readonly reason?: string;
  readonly epoch: number;
  /** What is wrong while the node serves: a backup that failed. */
  readonly degraded?: readonly string[];
}

@Controller('health')
export class HealthController {
  readonly #aux: AuxServer;

  constructor(@Inject(AuxServer) aux: AuxServer) {
    this.#aux = aux;
  }

  @Get()
  health(): { status: string } {
    return { status: 'ok' };
  }

  @Get('live')
  live(): { status: string } {
    return { status: 'ok' };
  }

  /** 200 when this node serves, with what is wrong all the same; otherwise 503 and why not. */
  @Get('ready')
  ready(@Res({ passthrough: true }) reply: StatusReply): Readiness {
    const reason = this.#aux.unreadyReason();
    const { epoch } = this.#aux.node.ownership;
    const { degradations } = this.#aux;
    const degraded = degradations.length === 0 ? {} : { degraded: degradations };
    if (reason === undefined) return { status: 'ready', epoch, ...degraded };
    reply.status(503);
    return { status: 'not ready', reason, epoch };
  }
}
