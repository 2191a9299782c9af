import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClusterClock, registryFromUrl } from '@dcs/cluster-membership';
import { CONFIG_EXIT_CODE, ConfigError, keepFilesPrivate } from '@dcs/environment';
import { AuxApp } from './aux-app.js';
import { SettingsError } from './aux-server.js';
import type { AuxConfig } from './config/config.js';
import { configFromEnvironment, withinOpenFiles } from './config/environment.js';
import { createLogger } from './logging.js';
import { DiskError } from './persistence/errors.js';
import { resolveIdentity } from './persistence/node-identity.js';
import { openDisk } from './persistence/open-disk.js';
import { readVersion } from './version.js';

/** After the time to close is over: what still keeps the process alive is not waited for. */
const EXIT_GRACE_MS = 1000;
const PORT_ERRORS: ReadonlySet<string> = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']);

function readConfig(): { readonly configured: AuxConfig; readonly possible: AuxConfig } {
  try {
    const configured = configFromEnvironment((path) => readFileSync(path, 'utf8'));
    return { configured, possible: withinOpenFiles(configured) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    process.exit(CONFIG_EXIT_CODE);
  }
}

/** Nothing listens yet: one line says it all. */
function refuse(error: unknown): never {
  if (!(error instanceof DiskError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  keepFilesPrivate();
  const { configured, possible } = readConfig();
  const { config, folder } = await resolveIdentity(possible).catch(refuse);
  const log = createLogger({ id: config.id, level: config.logLevel, format: config.logFormat });
  if (config.maxConnections < configured.maxConnections) {
    const { maxConnections } = config;
    log.warn({ maxConnections, configured: configured.maxConnections }, 'the limit of open files allows fewer connections than DCS_MAX_CONNECTIONS'); // prettier-ignore
  }
  const registry = registryFromUrl(config.registry, {
    ...(config.registryPassword === undefined ? {} : { password: config.registryPassword }),
    log: (message, details) => log.warn(details, message),
  });
  const clock = new ClusterClock({ reading: () => registry.clockReading });
  const { now } = clock;
  const disk = folder && (await openDisk({ folder, durability: config.durability, now, log }).catch(refuse));
  const version = readVersion(join(dirname(fileURLToPath(import.meta.url)), '..'));
  let stopping = false;

  const stop = (why: string, code: number) => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'closing');
    setTimeout(() => {
      log.error('could not close in time');
      process.exit(1);
    }, config.shutdownTimeoutMs + EXIT_GRACE_MS).unref();
    app.close().then(
      () => process.exit(code),
      (error: Error) => {
        log.error({ err: error }, 'could not close in order');
        process.exit(1);
      },
    );
  };
  const fatal = (error: unknown) => {
    log.fatal({ err: error }, 'fatal error');
    process.exitCode = 1;
    stop('fatal error', 1);
  };
  let isUp = false;
  // What gets here was caught nowhere else. Once the node serves, an exception costs no more than what it came up in.
  const uncaught = (thrown: unknown) => (isUp ? app.aux.defects.report('process', thrown) : fatal(thrown));
  process.on('uncaughtException', uncaught);
  process.on('unhandledRejection', uncaught);

  const app = new AuxApp({
    config,
    log,
    version,
    registry,
    clock,
    ...(disk === undefined ? {} : { disk }),
    onDrain: () => stop('asked to drain', 0),
    onFatal: fatal,
  });
  process.on('SIGHUP', () => {
    try {
      app.aux.reload(configFromEnvironment((path) => readFileSync(path, 'utf8')));
      log.info('read the tokens and secrets again');
    } catch (error) {
      log.error({ error: (error as Error).message }, 'the tokens and secrets stay as they were');
    }
  });
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  process.on('SIGINT', () => stop('SIGINT', 0));
  try {
    await app.start();
    isUp = true;
  } catch (error) {
    if (stopping) return;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && PORT_ERRORS.has(code)) {
      process.stderr.write(
        `cannot listen: ${message} (DCS_DATA_PORT=${config.dataPort}, DCS_HTTP_PORT=${config.httpPort})\n`,
      );
    } else {
      process.stderr.write(`cannot start: ${message}\n`);
      log.debug({ err: error }, 'cannot start');
    }
    stop('could not start', error instanceof SettingsError ? CONFIG_EXIT_CODE : 1);
  }
}

await main();
