import { checkRegistryUrl } from '@dcs/cluster-membership';
import { z } from 'zod';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/;
const MAX_PORT = 65_535;
const MAX_MS = 86_400_000;

const integer = (fallback: number, min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max)
    .default(fallback)
    .describe(`an integer from ${min} to ${max}`);

const choice = <const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) =>
  z
    .enum(values)
    .default(fallback as never)
    .describe(`one of ${values.join(', ')}`);

const ROLES = ['read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface ApiToken {
  readonly name: string;
  readonly token: string;
  readonly role: Role;
}

const MIN_TOKEN_LENGTH = 8;
const TOKEN = /^([A-Za-z0-9._-]{1,64}):([\x21-\x2b\x2d-\x39\x3b-\x7e]{8,256}):(read|write|admin)$/;

const tokens = z
  .string()
  .transform((text, context): readonly ApiToken[] => {
    const parsed: ApiToken[] = [];
    for (const part of text.split(',').map((piece) => piece.trim())) {
      const match = TOKEN.exec(part);
      if (!match) {
        context.addIssue({ code: 'custom', message: 'not name:token:role' });
        return z.NEVER;
      }
      parsed.push({ name: match[1]!, token: match[2]!, role: match[3] as Role });
    }
    return parsed;
  })
  .default([])
  .describe(
    `name:token:role, separated by commas; a token has ${MIN_TOKEN_LENGTH} to 256 visible ASCII characters ` +
      `without "," and ":"; role is one of ${ROLES.join(', ')}`,
  );

function isRegistryUrl(url: string): boolean {
  try {
    checkRegistryUrl(url);
    return true;
  } catch {
    return false;
  }
}

const HOST_NAME = /^[A-Za-z0-9._-]{1,255}$/;

const hosts = z
  .string()
  .transform((text) => text.split(',').map((piece) => piece.trim()))
  .refine((names): names is string[] => names.every((name) => HOST_NAME.test(name)))
  .default([])
  .describe('host names without a port, separated by commas');

/** One entry per variable; the description says what is expected. The README's table is checked against this. */
export const masterSchema = z.object({
  DCS_CLUSTER: z
    .string()
    .regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/)
    .default('dcs')
    .describe('1 to 64 letters, digits, dots, underscores or dashes'),
  DCS_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,128}$/)
    .optional()
    .describe('1 to 128 letters, digits, dots, underscores or dashes'),
  DCS_HOST: z
    .string()
    .regex(/^[^\s/]{1,255}$/)
    .default('127.0.0.1')
    .describe('an address or host name to listen on'),
  DCS_HTTP_PORT: integer(8080, 0, MAX_PORT),
  DCS_REGISTRY: z
    .string()
    .refine(isRegistryUrl)
    .default('file:.dcs/registry')
    .describe('file:<directory>, redis://..., rediss://..., redis+sentinel://..., redis+cluster://... or memory:'),
  DCS_REGISTRY_PASSWORD: z.string().min(1).max(1024).optional().describe('1 to 1024 characters'),
  DCS_REPLICAS: integer(2, 1, 5),
  DCS_HEARTBEAT_MS: integer(1000, 10, MAX_MS),
  DCS_LEASE_MS: integer(3000, 20, MAX_MS),
  DCS_CLUSTER_SECRET: z.string().min(8).max(1024).optional().describe('8 to 1024 characters'),
  DCS_API_TOKENS: tokens,
  DCS_ALLOW_UNAUTHENTICATED: choice(['false', 'true'], 'false'),
  DCS_PUBLISH_ADDRESS: z
    .string()
    .regex(/^[^\s/]{1,255}$/)
    .optional()
    .describe('an address or host name'),
  DCS_ALLOWED_HOSTS: hosts,
  DCS_LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info'),
  DCS_LOG_FORMAT: choice(['json', 'pretty'], 'json'),
  DCS_SHUTDOWN_TIMEOUT_MS: integer(10_000, 0, MAX_MS),
  DCS_MAX_VALUE_BYTES: integer(1_048_576, 1, 1_048_576),
  DCS_REQUEST_TIMEOUT_MS: integer(1000, 1, MAX_MS),
  DCS_OPERATION_TIMEOUT_MS: integer(5000, 1, MAX_MS),
  DCS_BULK_MAX_ITEMS: integer(1000, 1, 100_000),
  DCS_BULK_MAX_BYTES: integer(8_388_608, 1024, 268_435_456),
  DCS_MAX_IN_FLIGHT: integer(10_000, 1, 1_000_000),
  DCS_MAX_IN_FLIGHT_PER_AUX: integer(8192, 1, 1_000_000),
  DCS_RETRY_BUDGET_PERCENT: integer(10, 0, 100),
  DCS_READ_FROM: choice(['primary', 'any'], 'primary'),
  DCS_HEDGE_DELAY_MS: integer(50, 0, MAX_MS),
  DCS_MAX_CONNECTIONS: integer(10_000, 1, 1_000_000),
  DCS_MAX_HEADER_BYTES: integer(16_384, 4096, 1_048_576),
  DCS_HTTP_REQUEST_TIMEOUT_MS: integer(30_000, 100, MAX_MS),
  DCS_HTTP_KEEP_ALIVE_TIMEOUT_MS: integer(75_000, 100, MAX_MS),
  DCS_HTTP_CONNECTION_TIMEOUT_MS: integer(120_000, 100, MAX_MS),
});

/** Variables whose value may come from a file named by `<variable>_FILE`, and is never printed. */
export const SECRETS = ['DCS_CLUSTER_SECRET', 'DCS_REGISTRY_PASSWORD', 'DCS_API_TOKENS'] as const;

export type MasterConfig = Readonly<
  Omit<z.output<typeof masterSchema>, 'DCS_ID' | 'DCS_ALLOW_UNAUTHENTICATED'> & {
    DCS_ID: string;
    DCS_ALLOW_UNAUTHENTICATED: boolean;
  }
>;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
