import { type DynamicModule, Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { AuxServer } from './aux-server.js';
import { HealthController } from './health/health.controller.js';

/** The ops port: health and metrics of a server that is made outside. */
@Module({})
export class AppModule {
  static of(aux: AuxServer): DynamicModule {
    return {
      module: AppModule,
      imports: [PrometheusModule.register({ path: '/metrics', defaultMetrics: { enabled: false } })],
      controllers: [HealthController],
      providers: [{ provide: AuxServer, useValue: aux }],
    };
  }
}
