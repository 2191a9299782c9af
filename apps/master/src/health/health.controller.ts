import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { GATEWAY, type Gateway } from '../gateway.js';
import { PLAIN_READ, Route } from '../http/access.js';
import { DocHealth, DocReady } from './health.docs.js';

interface Health {
  readonly status: 'ok';
}

interface Readiness {
  readonly status: 'ready' | 'not ready';
  readonly reason?: string;
  readonly epoch: number;
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  readonly #gateway: Gateway;

  constructor(@Inject(GATEWAY) gateway: Gateway) {
    this.#gateway = gateway;
  }

  @Get()
  @Route({ ...PLAIN_READ, access: 'open' })
  @DocHealth()
  health(): Health {
    return { status: 'ok' };
  }

  @Get('live')
  @Route({ ...PLAIN_READ, access: 'open' })
  @DocHealth()
  live(): Health {
    return { status: 'ok' };
  }

  @Get('ready')
  @Route({ ...PLAIN_READ, access: 'open' })
  @DocReady()
  ready(@Res({ passthrough: true }) reply: FastifyReply): Readiness {
    const reason = this.#gateway.unreadyReason();
    const { epoch } = this.#gateway.plane.topology;
    if (reason === undefined) return { status: 'ready', epoch };
    reply.status(503).header('retry-after', '1');
    return { status: 'not ready', reason, epoch };
  }
}
