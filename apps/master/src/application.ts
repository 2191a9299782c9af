import { NestFactory } from '@nestjs/core';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { AppModule } from './app.module.js';
import { DataController } from './data/data.controller.js';
import { type Gateway } from './gateway.js';
import { directRoutesOf, registerDirectRoutes } from './http/direct-routes.js';
import { drainServer } from './http/drain.js';
import { GatewayAdapter } from './http/gateway.adapter.js';
import { ProblemFilter } from './http/problem.filter.js';
import { bodyLimits, createServer } from './http/server.js';
import { nestLogger } from './logging.js';
import { version } from './version.js';

export interface Application {
  readonly nest: NestFastifyApplication;
  /** @returns the port, which is of use when 0 was asked for */
  listen(): Promise<number>;
  /**
   * Not ready, no new connections, answers to what is in flight, then everything closed. Idempotent.
   * @returns whether all that was in flight was answered in time
   */
  close(): Promise<boolean>;
}

/** Puts HTTP around a gateway. Nothing listens yet. */
export async function createApplication(gateway: Gateway): Promise<Application> {
  const { config, buffers, audit, tokens } = gateway;
  const onDefect = (error: unknown) => gateway.reportDefect(error);
  const server = createServer({ config, tokens, buffers, audit, onDefect });
  registerDirectRoutes(server, {
    controller: DataController,
    instance: () => nest.get(DataController),
    bodyLimits: bodyLimits(config),
  });
  const nest = await NestFactory.create<NestFastifyApplication>(
    AppModule.forGateway(gateway),
    new GatewayAdapter(server, directRoutesOf(DataController)),
    { logger: nestLogger(gateway.log), bodyParser: false, abortOnError: false },
  );
  nest.useGlobalFilters(new ProblemFilter(onDefect));
  describeApi(nest);
  await nest.init();

  let closing: Promise<boolean> | undefined;
  const close = async () => {
    gateway.draining = true;
    const answered = await drainServer(server.server, config.DCS_SHUTDOWN_TIMEOUT_MS);
    await nest.close();
    return answered;
  };
  return {
    nest,
    listen: async () => {
      await nest.listen({ port: config.DCS_HTTP_PORT, host: config.DCS_HOST });
      const address = server.server.address();
      return typeof address === 'object' && address ? address.port : config.DCS_HTTP_PORT;
    },
    close: () => (closing ??= close()),
  };
}

function describeApi(nest: NestFastifyApplication): void {
  const description = new DocumentBuilder()
    .setTitle('Distributed cache')
    .setDescription('The HTTP API of the gateway. Errors are RFC 9457 problem documents with a stable code.')
    .setVersion(version)
    .addBearerAuth()
    .build();
  SwaggerModule.setup('docs', nest, () => SwaggerModule.createDocument(nest, description), {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
  });
}
