import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isLoopback, type MasterConfig, masterSchema, SECRETS } from './master-config.js';

/** What is wrong with the environment: one line per problem, each naming the variable, its value and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_CONFIG';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/** The exit code for a configuration that is wrong (EX_CONFIG of sysexits.h). */
export const CONFIG_EXIT_CODE = 78;

/** What stands before the `@` of a URL. */
const CREDENTIALS = /\/\/.*@/s;
/** A misspelt secret is not to be printed either. */
const SENSITIVE = /SECRET|TOKEN|PASSWORD/;

type Environment = Readonly<Record<string, string | undefined>>;
type ReadFile = (path: string) => string;

const isSecret = (name: string) => (SECRETS as readonly string[]).includes(name);

/**
 * The typed, frozen configuration of a gateway.
 * @throws ConfigError with every problem found, not only the first.
 */
export function loadConfig(
  environment: Environment,
  readFile: ReadFile = (path) => readFileSync(path, 'utf8'),
): MasterConfig {
  const problems: string[] = [];
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('DCS_') || value === undefined || value === '') continue;
    if (name in masterSchema.shape) {
      given.set(name, value);
    } else if (!isSecretFile(name)) {
      const shown = SENSITIVE.test(name) ? '(hidden)' : JSON.stringify(value.replace(CREDENTIALS, '//(hidden)@'));
      problems.push(`${name}: got ${shown}, expected no such variable`);
    }
  }
  for (const name of SECRETS) readSecretFile(name, environment, readFile, given, problems);

  const parsed = masterSchema.safeParse(Object.fromEntries(given));
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]) as keyof typeof masterSchema.shape;
    problems.push(problem(name, given.get(name), masterSchema.shape[name].description ?? 'another value'));
  }
  if (!parsed.data || problems.length > 0) throw new ConfigError(problems);

  const { DCS_ALLOW_UNAUTHENTICATED, ...values } = parsed.data;
  const config: MasterConfig = {
    ...values,
    DCS_ALLOW_UNAUTHENTICATED: DCS_ALLOW_UNAUTHENTICATED === 'true',
    DCS_ID: values.DCS_ID ?? defaultId(),
  };
  problems.push(...relations(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** What only shows when two variables are seen together. */
function relations(config: MasterConfig): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, name: keyof MasterConfig, expected: string) => {
    if (!holds) problems.push(problem(name, String(config[name]), expected));
  };
  expect(
    config.DCS_LEASE_MS >= 2 * config.DCS_HEARTBEAT_MS,
    'DCS_LEASE_MS',
    `at least twice DCS_HEARTBEAT_MS (${config.DCS_HEARTBEAT_MS})`,
  );
  expect(
    config.DCS_OPERATION_TIMEOUT_MS >= config.DCS_REQUEST_TIMEOUT_MS,
    'DCS_OPERATION_TIMEOUT_MS',
    `at least DCS_REQUEST_TIMEOUT_MS (${config.DCS_REQUEST_TIMEOUT_MS})`,
  );
  // Behind a load balancer, its address says who can call.
  const exposure = config.DCS_PUBLISH_ADDRESS === undefined ? 'DCS_HOST' : 'DCS_PUBLISH_ADDRESS';
  expect(
    config.DCS_API_TOKENS.length > 0 || config.DCS_ALLOW_UNAUTHENTICATED || isLoopback(config[exposure] ?? ''),
    exposure,
    'a loopback address while DCS_API_TOKENS is not set (or DCS_ALLOW_UNAUTHENTICATED=true)',
  );
  return problems;
}

function isSecretFile(name: string): boolean {
  return name.endsWith('_FILE') && isSecret(name.slice(0, -'_FILE'.length));
}

function readSecretFile(
  name: (typeof SECRETS)[number],
  environment: Environment,
  readFile: ReadFile,
  given: Map<string, string>,
  problems: string[],
): void {
  const path = environment[`${name}_FILE`];
  if (!path) return;
  if (given.has(name)) {
    problems.push(`${name}_FILE: got ${JSON.stringify(path)}, expected it unset while ${name} is set`);
    return;
  }
  try {
    given.set(name, readFile(path).trimEnd());
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    problems.push(`${name}_FILE: got ${JSON.stringify(path)}, expected a file that can be read (${reason})`);
  }
}

function problem(name: string, value: string | undefined, expected: string): string {
  const shown = isSecret(name) ? '(hidden)' : JSON.stringify(value?.replace(CREDENTIALS, '//(hidden)@'));
  return `${name}: got ${shown}, expected ${expected}`;
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
