import { isMembershipError } from '@dcs/cluster-membership';
import { createApplication } from './application.js';
import { CONFIG_EXIT_CODE, ConfigError, connectionsWithin, openFileLimit } from '@dcs/environment';
import { loadConfig } from './config/load-config.js';
import { Gateway } from './gateway.js';
import { createLogger } from './logging.js';

/** The process as far as a gateway touches it. */
export interface HostProcess {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  on(event: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  on(event: 'uncaughtException', listener: (error: Error, origin: string) => void): unknown;
  exit(code: number): void;
}

/** Descriptors for the registry and a link to each node, which clients cannot take. */
const OWN_DESCRIPTORS = 64;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const LISTEN_ERRORS = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND']);

/**
 * A gateway from its configuration to its exit: 78 for a configuration that is wrong, 1 when it cannot listen or had to
 * cut requests off, 0 after SIGTERM or SIGINT. Resolves when it listens or has failed to; never rejects.
 */
export async function run(host: HostProcess, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  try {
    await start(host, environment);
  } catch (error) {
    const { message, code } = failure(error);
    host.stderr.write(`${message}\n`);
    host.exit(code);
  }
}

async function start(host: HostProcess, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const configured = loadConfig(environment);
  const maxConnections = connectionsWithin(configured.DCS_MAX_CONNECTIONS, OWN_DESCRIPTORS, openFileLimit());
  const config = Object.freeze({ ...configured, DCS_MAX_CONNECTIONS: maxConnections });
  const { DCS_ID: id, DCS_LOG_LEVEL: level, DCS_LOG_FORMAT: format } = config;
  const log = createLogger({ id, level, format }, host.stdout);
  if (maxConnections < configured.DCS_MAX_CONNECTIONS) {
    log.warn({ maxConnections, configured: configured.DCS_MAX_CONNECTIONS }, 'the limit of open files allows fewer connections than DCS_MAX_CONNECTIONS'); // prettier-ignore
  }
  let isUp = false;
  // What gets here was caught nowhere else. Once the gateway serves, an exception costs no more than what it came up in.
  host.on('uncaughtException', (error, origin) => {
    if (isUp) return gateway.reportDefect(error);
    log.fatal({ error: error.stack, origin }, 'uncaught');
    host.exit(1);
  });
  const onRefused = ({ message }: Error) => {
    host.stderr.write(`cannot start: ${message}\n`);
    host.exit(CONFIG_EXIT_CODE);
  };
  const gateway = new Gateway({ config, log, onRefused });
  const application = await createApplication(gateway);
  gateway.start();
  try {
    const port = await application.listen();
    log.info({ host: config.DCS_HOST, port }, 'listening');
    isUp = true;
  } catch (error) {
    await application.close();
    throw error;
  }
  host.on('SIGHUP', () => {
    try {
      gateway.reload(loadConfig(environment));
      log.info('read the tokens and secrets again');
    } catch (error) {
      log.error({ error: (error as Error).message }, 'the tokens and secrets stay as they were');
    }
  });
  const stop = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping: finishing what is in flight');
    application.close().then(
      (answered) => {
        if (answered) log.info('stopped');
        else log.warn({ timeoutMs: config.DCS_SHUTDOWN_TIMEOUT_MS }, 'stopped; requests that took too long were cut');
        host.exit(answered ? 0 : 1);
      },
      (error: unknown) => {
        gateway.reportDefect(error);
        host.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) host.on(signal, stop);
}

function failure(error: unknown): { readonly message: string; readonly code: number } {
  if (error instanceof ConfigError) return { message: error.message, code: CONFIG_EXIT_CODE };
  if (isMembershipError(error) && error.code === 'ERR_INVALID_OPTION') {
    return { message: `DCS_REGISTRY: ${error.message}`, code: CONFIG_EXIT_CODE };
  }
  const { code = '', address, hostname, port } = error as NodeJS.ErrnoException & Record<string, unknown>;
  if (LISTEN_ERRORS.has(code)) {
    const where = [address ?? hostname, port].filter((part) => part !== undefined).join(':');
    return { message: `DCS_HOST, DCS_HTTP_PORT: cannot listen on ${where} (${code})`, code: 1 };
  }
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error), code: 1 };
}
