import { Controller, Get, Inject, Res } from '@nestjs/common';
import { AuxServer } from '../aux-server.js';

/** The one thing that is wanted of Fastify's reply here. */
interface StatusReply {
  status(code: number): unknown;
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

  /** 200 when this node serves; otherwise 503 and why not. */
  @Get('ready')
  ready(@Res({ passthrough: true }) reply: StatusReply): { status: string; reason?: string; epoch: number } {
    const reason = this.#aux.unreadyReason();
    const { epoch } = this.#aux.node.ownership;
    if (reason === undefined) return { status: 'ready', epoch };
    reply.status(503);
    return { status: 'not ready', reason, epoch };
  }
}
