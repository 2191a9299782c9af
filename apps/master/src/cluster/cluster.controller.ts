import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { fromBinary } from '@dcs/protocol';
import { checkedKey } from '../data/key.js';
import { GatewayError } from '../errors.js';
import { GATEWAY, type Gateway } from '../gateway.js';
import { Route } from '../http/access.js';
import { type PlaneDescription } from '../routing/data-plane.js';
import { DocCluster, DocDrain, DocLocate } from './cluster.docs.js';

@ApiTags('cluster')
@Controller('cluster')
export class ClusterController {
  readonly #gateway: Gateway;

  constructor(@Inject(GATEWAY) gateway: Gateway) {
    this.#gateway = gateway;
  }

  @Get()
  @Route('read')
  @DocCluster()
  describe(): Promise<PlaneDescription> {
    return this.#gateway.plane.describe();
  }

  @Get('keys/:key')
  @Route('read')
  @DocLocate()
  locate(@Param('key') text: string): { key: string; slot: number; owners: readonly string[] } {
    const key = checkedKey(text);
    return { key: fromBinary(key), ...this.#gateway.plane.locate(key) };
  }

  @Post('nodes/:id/drain')
  @Route('admin')
  @HttpCode(202)
  @DocDrain()
  async drain(@Param('id') id: string): Promise<{ id: string; draining: true }> {
    if (!(await this.#gateway.plane.drain(id))) throw new GatewayError('ERR_NOT_FOUND', 'the cluster has no such node');
    this.#gateway.log.info({ aux: id }, 'asked to drain');
    return { id, draining: true };
  }
}
