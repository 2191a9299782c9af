import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { PrometheusController } from '@willsoto/nestjs-prometheus';
import { PLAIN_READ, Route } from '../http/access.js';

/** Open on the process; a load balancer in front does not pass it on. */
@ApiTags('metrics')
@Controller()
export class MetricsController extends PrometheusController {
  @Get()
  @Route({ ...PLAIN_READ, access: 'open' })
  @ApiOperation({ summary: 'What this gateway counts, for Prometheus' })
  @ApiResponse({
    status: 200,
    description: 'text format 0.0.4',
    content: { 'text/plain': { schema: { type: 'string' } } },
  })
  override index(@Res({ passthrough: true }) response: unknown): Promise<string> {
    return super.index(response);
  }
}
