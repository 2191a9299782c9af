import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ConfigError, type Environment, problem, readVariables, sharedProblems } from '@dcs/environment';
import { type MasterConfig, masterSchema } from './master-config.js';

type ReadFile = (path: string) => string;

/**
 * The typed, frozen configuration of a gateway.
 * @throws ConfigError with every problem found, not only the first.
 */
export function loadConfig(
  environment: Environment,
  readFile: ReadFile = (path) => readFileSync(path, 'utf8'),
): MasterConfig {
  const values = readVariables(masterSchema.shape, { environment, readFile });
  const config: MasterConfig = { ...values, DCS_ID: values.DCS_ID ?? defaultId() };
  const problems = relations(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** What only shows when two variables are seen together. */
function relations(config: MasterConfig): string[] {
  // Behind a load balancer, its address says who can call.
  const exposure = config.DCS_PUBLISH_ADDRESS === undefined ? 'DCS_HOST' : 'DCS_PUBLISH_ADDRESS';
  const closedBy = { name: 'DCS_API_TOKENS', isSet: config.DCS_API_TOKENS.length > 0 };
  const problems = sharedProblems(config, closedBy, { name: exposure, host: config[exposure] ?? '' });
  const { DCS_OPERATION_TIMEOUT_MS: operation, DCS_REQUEST_TIMEOUT_MS: request } = config;
  if (operation < request) {
    const expected = `at least DCS_REQUEST_TIMEOUT_MS (${request})`;
    problems.push(problem('DCS_OPERATION_TIMEOUT_MS', `"${operation}"`, expected));
  }
  return problems;
}

function defaultId(): string {
  const host =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 80) || 'host';
  return `master-${host}-${process.pid}`;
}

/** The environment of this process; only `config/` reads it. */
export function processEnvironment(): Environment {
  return process.env;
}
