import { choice, integer, optionalText, SHARED_VARIABLES } from '@dcs/environment';
import { z } from 'zod';

const MAX_PORT = 65_535;
const MAX_MS = 86_400_000;
const shared = SHARED_VARIABLES;

const HOST_NAME = /^[A-Za-z0-9._-]{1,255}$/;

const hosts = z
  .string()
  .transform((text) => text.split(',').map((piece) => piece.trim()))
  .refine((names): names is string[] => names.every((name) => HOST_NAME.test(name)))
  .default([])
  .describe('host names without a port, separated by commas');

/** One entry per variable; the description says what is expected. The README's table is checked against this. */
export const masterSchema = z.object({
  DCS_CLUSTER: shared.DCS_CLUSTER,
  DCS_ID: shared.DCS_ID,
  DCS_HOST: shared.DCS_HOST,
  DCS_HTTP_PORT: integer(8080, 0, MAX_PORT),
  DCS_REGISTRY: shared.DCS_REGISTRY,
  DCS_REGISTRY_PASSWORD: shared.DCS_REGISTRY_PASSWORD,
  DCS_REPLICAS: shared.DCS_REPLICAS,
  DCS_HEARTBEAT_MS: shared.DCS_HEARTBEAT_MS,
  DCS_LEASE_MS: shared.DCS_LEASE_MS,
  DCS_CLUSTER_SECRET: shared.DCS_CLUSTER_SECRET,
  DCS_API_TOKENS: shared.DCS_API_TOKENS,
  DCS_ALLOW_UNAUTHENTICATED: shared.DCS_ALLOW_UNAUTHENTICATED,
  DCS_ALLOW_PROTOCOL_1: shared.DCS_ALLOW_PROTOCOL_1,
  DCS_PUBLISH_ADDRESS: optionalText(/^[^\s/]{1,255}$/, 'an address or host name'),
  DCS_ALLOWED_HOSTS: hosts,
  DCS_LOG_LEVEL: shared.DCS_LOG_LEVEL,
  DCS_LOG_FORMAT: shared.DCS_LOG_FORMAT,
  DCS_SHUTDOWN_TIMEOUT_MS: shared.DCS_SHUTDOWN_TIMEOUT_MS,
  DCS_MAX_VALUE_BYTES: shared.DCS_MAX_VALUE_BYTES,
  DCS_REQUEST_TIMEOUT_MS: integer(1000, 1, MAX_MS),
  DCS_OPERATION_TIMEOUT_MS: integer(5000, 1, MAX_MS),
  DCS_BULK_MAX_ITEMS: integer(1000, 1, 100_000),
  DCS_BULK_MAX_BYTES: integer(8_388_608, 1024, 268_435_456),
  DCS_MAX_IN_FLIGHT: integer(10_000, 1, 1_000_000),
  DCS_MAX_IN_FLIGHT_PER_AUX: integer(8192, 1, 1_000_000),
  DCS_RETRY_BUDGET_PERCENT: integer(10, 0, 100),
  DCS_READ_FROM: choice(['primary', 'any'], 'primary'),
  DCS_HEDGE_DELAY_MS: integer(50, 0, MAX_MS),
  DCS_MAX_CONNECTIONS: shared.DCS_MAX_CONNECTIONS,
  DCS_MAX_HEADER_BYTES: integer(16_384, 4096, 1_048_576),
  DCS_HTTP_REQUEST_TIMEOUT_MS: integer(30_000, 100, MAX_MS),
  DCS_HTTP_KEEP_ALIVE_TIMEOUT_MS: integer(75_000, 100, MAX_MS),
  DCS_HTTP_CONNECTION_TIMEOUT_MS: integer(120_000, 100, MAX_MS),
});

export type MasterConfig = Readonly<Omit<z.output<typeof masterSchema>, 'DCS_ID'> & { DCS_ID: string }>;
