import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { ClusterController } from './cluster/cluster.controller.js';
import { DataController } from './data/data.controller.js';
import { GATEWAY, type Gateway } from './gateway.js';
import { HealthController } from './health/health.controller.js';
import { GatewayMetrics } from './metrics/gateway-metrics.js';
import { MetricsController } from './metrics/metrics.controller.js';

@Module({})
export class AppModule implements OnApplicationShutdown {
  readonly #gateway: Gateway;

  constructor(@Inject(GATEWAY) gateway: Gateway) {
    this.#gateway = gateway;
  }

  static forGateway(gateway: Gateway): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PrometheusModule.register({
          controller: MetricsController,
          path: '/metrics',
          defaultMetrics: { enabled: false },
        }),
      ],
      controllers: [DataController, ClusterController, HealthController],
      providers: [{ provide: GATEWAY, useValue: gateway }, GatewayMetrics],
    };
  }

  /** After the last answer: Nest closes the server before it calls this. */
  async onApplicationShutdown(): Promise<void> {
    await this.#gateway.close();
  }
}
