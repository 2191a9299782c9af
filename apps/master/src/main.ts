import 'reflect-metadata';
import { MembershipError } from '@dcs/cluster-membership';
import { createApplication } from './application.js';
import { CONFIG_EXIT_CODE, ConfigError, loadConfig, processEnvironment } from './config/load-config.js';
import { Gateway } from './gateway.js';
import { createLogger } from './logging.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

function exit(message: string, code: number): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

async function main(): Promise<void> {
  const config = loadConfig(processEnvironment());
  const log = createLogger({ id: config.DCS_ID, level: config.DCS_LOG_LEVEL, format: config.DCS_LOG_FORMAT });
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ error: error.stack, origin }, 'uncaught');
    process.exit(1);
  });
  const gateway = new Gateway({ config, log });
  const application = await createApplication(gateway);
  gateway.start();
  const port = await application.listen();
  log.info({ host: config.DCS_HOST, port }, 'listening');

  const stop = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping: finishing what is in flight');
    application.close().then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        gateway.reportDefect(error);
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) process.on(signal, stop);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) exit(error.message, CONFIG_EXIT_CODE);
  if (error instanceof MembershipError && error.code === 'ERR_INVALID_OPTION') {
    exit(`DCS_REGISTRY: ${error.message}`, CONFIG_EXIT_CODE);
  }
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    exit(`DCS_HOST, DCS_HTTP_PORT: cannot listen on ${address ?? ''}:${port ?? ''} (${code})`, 1);
  }
  exit(error instanceof Error ? (error.stack ?? message) : String(error), 1);
});
