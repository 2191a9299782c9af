import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { fromBinary } from '@dcs/protocol';
import { checkedKey } from '../data/key.js';
import { GatewayError } from '../errors.js';
import { GATEWAY, type Gateway } from '../gateway.js';
import { PLAIN_READ, Route } from '../http/access.js';
import { type PlaneDescription } from '../routing/data-plane.js';
import { DocBackup, DocCluster, DocDrain, DocLocate } from './cluster.docs.js';

@ApiTags('cluster')
@Controller('cluster')
export class ClusterController {
  readonly #gateway: Gateway;

  constructor(@Inject(GATEWAY) gateway: Gateway) {
    this.#gateway = gateway;
  }

  @Get()
  @Route({ ...PLAIN_READ, access: 'read' })
  @DocCluster()
  describe(): Promise<PlaneDescription> {
    return this.#gateway.plane.describe();
  }

  @Get('keys/:key')
  @Route({ ...PLAIN_READ, access: 'read' })
  @DocLocate()
  locate(@Param('key') text: string): { key: string; slot: number; owners: readonly string[] } {
    const key = checkedKey(text);
    return { key: fromBinary(key), ...this.#gateway.plane.locate(key) };
  }

  @Post('backup')
  @Route({ access: 'admin', body: 'none', query: [], conditions: [], repeatable: false })
  @HttpCode(202)
  @DocBackup()
  async backup(): Promise<{ nodes: readonly string[] }> {
    const { asked, failed } = await this.#gateway.plane.backup();
    this.#gateway.log.info({ asked, failed }, 'asked for a backup');
    const nodes = failed.map(({ id, reason }) => ({
      id,
      code: reason === 'unreachable' ? 'ERR_UNAVAILABLE' : 'ERR_NO_BACKUP_DIRECTORY',
    }));
    const of = (reason: string): string => failed.filter((node) => node.reason === reason).map(({ id }) => id).join(', '); // prettier-ignore
    if (asked.length + failed.length === 0) throw new GatewayError('ERR_UNAVAILABLE', 'no cache node is up');
    if (of('unreachable') !== '') {
      throw new GatewayError('ERR_UNAVAILABLE', `could not be asked: ${of('unreachable')}`, { asked, failed: nodes });
    }
    if (of('no-directory') !== '') {
      const detail = `no backup directory (DCS_BACKUP_DIR): ${of('no-directory')}`;
      throw new GatewayError('ERR_NO_BACKUP_DIRECTORY', detail, { asked, failed: nodes });
    }
    return { nodes: asked };
  }

  @Post('nodes/:id/drain')
  @Route({ access: 'admin', body: 'none', query: [], conditions: [], repeatable: false })
  @HttpCode(202)
  @DocDrain()
  async drain(@Param('id') id: string): Promise<{ id: string; draining: true }> {
    if (!(await this.#gateway.plane.drain(id))) throw new GatewayError('ERR_NOT_FOUND', 'the cluster has no such node');
    this.#gateway.log.info({ aux: id }, 'asked to drain');
    return { id, draining: true };
  }
}
