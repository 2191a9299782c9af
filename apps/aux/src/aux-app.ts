import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ClusterClock, Registry } from '@dcs/cluster-membership';
import type { Logger } from 'pino';
import { register } from 'prom-client';
import { AppModule } from './app.module.js';
import { AuxServer } from './aux-server.js';
import type { AuxConfig } from './config/config.js';
import { OPS_CONNECTIONS } from './config/environment.js';
import { nestLogger } from './logging.js';
import { commandDurations, registerAuxMetrics } from './metrics/aux-metrics.js';
import { registerProcessMetrics } from './metrics/process-metrics.js';
import type { Disk } from './persistence/disk.js';

export interface AuxAppOptions {
  readonly config: AuxConfig;
  readonly log: Logger;
  readonly version: string;
  /** Closed with the app. */
  readonly registry: Registry;
  /** The cluster's time, which the disk goes by too. */
  readonly clock: ClusterClock;
  /** Closed with the app. Absent: in memory only. */
  readonly disk?: Disk;
  readonly onDrain: () => void;
  readonly onFatal: (error: Error) => void;
}

// Fastify's own defaults are 0: no limit.
const CONNECTION_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
const BODY_LIMIT_BYTES = 1024;

/** A whole aux process: data port, membership, ops port. */
export class AuxApp {
  readonly aux: AuxServer;
  readonly #options: AuxAppOptions;
  #http: NestFastifyApplication | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: AuxAppOptions) {
    const { config, log, version, registry, clock, disk, onDrain, onFatal } = options;
    this.#options = options;
    register.clear();
    register.setDefaultLabels({ cluster: config.cluster, node: config.id });
    const durations = commandDurations(register);
    this.aux = new AuxServer({
      config,
      log,
      version,
      ...(disk === undefined ? {} : { disk }),
      onDrain,
      onFatal,
      registry,
      clock,
      onSample: (command, seconds) => durations.observe({ command: command.toLowerCase() }, seconds),
    });
    registerAuxMetrics(this.aux, disk, version, register);
    registerProcessMetrics(register);
  }

  /** Port of health and metrics. */
  get httpPort(): number {
    return (this.#http?.getHttpServer().address() as AddressInfo | null)?.port ?? 0;
  }

  /** @throws what the system says of a port: EADDRINUSE, EACCES, ... */
  async start(): Promise<void> {
    const { config, log } = this.#options;
    this.#http = await NestFactory.create<NestFastifyApplication>(
      AppModule.of(this.aux),
      new FastifyAdapter({
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        bodyLimit: BODY_LIMIT_BYTES,
        forceCloseConnections: 'idle',
      }),
      { logger: nestLogger(log), abortOnError: false, forceCloseConnections: true },
    );
    this.#http.getHttpServer().maxConnections = OPS_CONNECTIONS;
    await this.#http.listen(config.httpPort, config.host);
    await this.aux.start(this.httpPort);
    log.info(
      {
        data: `${config.host}:${this.aux.data.port}`,
        http: `${config.host}:${this.httpPort}`,
        maxBytes: config.maxBytes,
      },
      `aux ${config.id} is up`,
    );
  }

  /** Leaves the cluster and closes everything; the ops port last, so that it can be watched. Idempotent. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.aux.close();
    await this.#http?.close();
  }
}
