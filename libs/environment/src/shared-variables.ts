import { checkRegistryUrl } from '@dcs/cluster-membership';
import { z } from 'zod';
import { apiTokens } from './api-tokens.js';
import { isLoopback } from './addresses.js';
import { problem } from './config-error.js';
import { secret, secrets } from './secret-text.js';
import { choice, flag, integer, optionalText, text } from './variables.js';

const CLUSTER = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;
const HOST = /^[^\s/]{1,255}$/;
const ID = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

const registry = z
  .string()
  .superRefine((url, context) => {
    try {
      checkRegistryUrl(url);
    } catch (error) {
      const expected = (error as Error).message.replace(/^.*?, want /s, '');
      context.addIssue({ code: 'custom', message: 'not a registry', params: { expected } });
    }
  })
  .default('file:.dcs/registry')
  .describe('memory:, file:<directory>, or a redis://, rediss://, redis+sentinel:// or redis+cluster:// URL');

/** The variables that gateways and nodes have in common: what one takes, the other takes too. */
export const SHARED_VARIABLES = {
  DCS_CLUSTER: text(CLUSTER, '1 to 64 letters, digits, dots, underscores or dashes', 'dcs'),
  DCS_ID: optionalText(ID, '1 to 128 characters without control characters'),
  DCS_HOST: text(HOST, 'a host name or address', '127.0.0.1'),
  DCS_REGISTRY: registry,
  DCS_REGISTRY_PASSWORD: secret,
  DCS_REPLICAS: integer(2, 1, 5),
  DCS_HEARTBEAT_MS: integer(1000, 50, 60_000),
  DCS_LEASE_MS: integer(3000, 100, 600_000),
  DCS_CLUSTER_SECRET: secrets,
  DCS_API_TOKENS: apiTokens,
  DCS_ALLOW_UNAUTHENTICATED: flag(false),
  DCS_ALLOW_PROTOCOL_1: flag(false),
  DCS_LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
  DCS_LOG_FORMAT: choice(['json', 'pretty'], 'json'),
  DCS_SHUTDOWN_TIMEOUT_MS: integer(10_000, 0, 600_000),
  DCS_MAX_VALUE_BYTES: integer(1_048_576, 1, 1_048_576),
  DCS_MAX_CONNECTIONS: integer(10_000, 1, 1_000_000),
};

/** Variables whose value may come from a file named by `<variable>_FILE`, and is never printed. */
export const SECRET_VARIABLES = ['DCS_CLUSTER_SECRET', 'DCS_REGISTRY_PASSWORD', 'DCS_API_TOKENS'] as const;

/** What has to hold between values of these. */
export interface SharedValues {
  readonly DCS_HOST: string;
  readonly DCS_HEARTBEAT_MS: number;
  readonly DCS_LEASE_MS: number;
  readonly DCS_ALLOW_UNAUTHENTICATED: boolean;
}

/**
 * What only shows when variables are seen together.
 * @param closedBy the variable that keeps strangers out, and whether it is set
 * @param exposure the variable that says who can connect, and its value
 */
export function sharedProblems(
  values: SharedValues,
  closedBy: { readonly name: string; readonly isSet: boolean },
  exposure = { name: 'DCS_HOST', host: values.DCS_HOST },
): string[] {
  const problems: string[] = [];
  const { DCS_HEARTBEAT_MS: heartbeatMs, DCS_LEASE_MS: leaseMs } = values;
  if (leaseMs < 2 * heartbeatMs) {
    problems.push(problem('DCS_LEASE_MS', `"${leaseMs}"`, `at least twice DCS_HEARTBEAT_MS (${heartbeatMs})`));
  }
  if (!closedBy.isSet && !values.DCS_ALLOW_UNAUTHENTICATED && !isLoopback(exposure.host)) {
    const expected = `a loopback address while ${closedBy.name} is not set (or DCS_ALLOW_UNAUTHENTICATED=true)`;
    problems.push(problem(exposure.name, JSON.stringify(exposure.host), expected));
  }
  return problems;
}
