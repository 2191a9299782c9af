import { hostname } from 'node:os';
import { checkRegistryUrl } from '@dcs/cluster-membership';
import { MAX_VALUE_BYTES } from '@dcs/protocol';
import { z } from 'zod';
import { DEFAULT_IMPORT_BYTES_PER_SECOND } from '../replication/handoff/importer.js';

/** One variable: its schema, and what the README's table says of it. */
interface Variable<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  /** As shown in the table. */
  readonly default: string;
  readonly means: string;
  readonly secret?: boolean;
}

/** When its node was last alive a disk knows to some seconds only: a time that is not much longer could not be told. */
export const MIN_TOMBSTONE_RETENTION_MS = 60_000;
const CLUSTER = /^[A-Za-z0-9._-]{1,64}$/;

function variable<T extends z.ZodType>(schema: T, shown: string, means: string, secret = false): Variable<T> {
  return { schema, default: shown, means, ...(secret ? { secret } : {}) };
}

function integer(min: number, max: number, byDefault: number): z.ZodType<number> {
  const wants = `an integer from ${min} to ${max}`;
  return z
    .string()
    .regex(/^-?\d{1,16}$/, wants)
    .transform(Number)
    .refine((n) => Number.isSafeInteger(n) && n >= min && n <= max, wants)
    .default(byDefault);
}

const port = (byDefault: number) => integer(0, 65_535, byDefault);
const text = (pattern: RegExp, wants: string) => z.string().regex(pattern, wants);
const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `one of ${values.join(', ')}`);

function checkRegistry(url: string, context: z.RefinementCtx): void {
  try {
    checkRegistryUrl(url);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message.replace(/^.*?, want /s, '') });
  }
}

/** Every variable that this process reads, in the order of the README's table. */
export const VARIABLES = {
  DCS_CLUSTER: variable(
    text(CLUSTER, '1 to 64 letters, digits, dots, underscores or dashes').default('dcs'),
    'dcs',
    'Name of the cluster; processes of one name find each other',
  ),
  DCS_ID: variable(
    text(/^[^\p{Cc}\p{Cs}]{1,128}$/u, '1 to 128 characters without control characters').optional(),
    'aux-<host>-<data port or pid>',
    'Name of this node, unique in the cluster, the same after a restart; with DCS_DATA_DIR by default that of its folder',
  ),
  DCS_HOST: variable(
    text(/^[^\s/]{1,255}$/, 'a host name or address').default('127.0.0.1'),
    '127.0.0.1',
    'Address to listen on',
  ),
  DCS_ADVERTISE_HOST: variable(
    text(/^[^\s/]{1,255}$/, 'a host name or address').optional(),
    'DCS_HOST',
    'Address under which the others reach this node',
  ),
  DCS_DATA_PORT: variable(port(7000), '7000', 'Port of the RESP server; 0 = any free one'),
  DCS_HTTP_PORT: variable(port(7080), '7080', 'Port of health and metrics; 0 = any free one'),
  DCS_REGISTRY: variable(
    z.string().superRefine(checkRegistry).default('file:.dcs/registry'),
    'file:.dcs/registry',
    'Who knows the members: `file:<directory>` on one machine, `redis://...` for many, `memory:` for a node alone',
  ),
  DCS_REGISTRY_PASSWORD: variable(
    z.string().min(1).max(1024, '1 to 1024 characters').optional(),
    '',
    'Password for Redis, instead of one in DCS_REGISTRY; also as DCS_REGISTRY_PASSWORD_FILE',
    true,
  ),
  DCS_REGISTRY_PASSWORD_FILE: variable(
    z.string().min(1, 'a path').optional(),
    '',
    'File that holds the password for Redis',
  ),
  DCS_REPLICAS: variable(
    integer(1, 5, 2),
    '2',
    'Copies of every entry, the primary included; the highest of the nodes that are up is in force',
  ),
  DCS_HEARTBEAT_MS: variable(integer(50, 60_000, 1000), '1000', 'Time between heartbeats, at most half of the lease'),
  DCS_LEASE_MS: variable(integer(100, 600_000, 3000), '3000', 'How long a silent node stays a member'),
  DCS_WEIGHT: variable(
    text(/^\d{1,5}(?:\.\d{1,4})?$/, 'a number above 0, at most 10000')
      .transform(Number)
      .refine((n) => n > 0 && n <= 10_000, 'a number above 0, at most 10000')
      .default(1),
    '1',
    "This node's share of the slots, relative to the others'",
  ),
  DCS_ZONE: variable(
    z.string().max(128, 'at most 128 characters').default(''),
    '',
    'Failure zone: copies go to different ones where there are any',
  ),
  DCS_MAX_ENTRIES: variable(integer(1, 200_000_000, 1_000_000), '1000000', 'Most entries'),
  DCS_MAX_BYTES: variable(
    integer(1_048_576, 2 ** 40, 268_435_456),
    '268435456',
    'Most bytes of keys, values and what an entry costs besides',
  ),
  DCS_MAX_VALUE_BYTES: variable(integer(1, 268_435_456, MAX_VALUE_BYTES), '1048576', 'Most bytes in a value'),
  DCS_MAX_CONNECTIONS: variable(integer(1, 1_000_000, 10_000), '10000', 'Most connections on the data port'),
  DCS_TOMBSTONE_RETENTION_MS: variable(
    integer(MIN_TOMBSTONE_RETENTION_MS, 30 * 86_400_000, 3_600_000),
    '3600000',
    'How long a delete is remembered against older copies',
  ),
  DCS_HANDOFF_BYTES_PER_SECOND: variable(
    integer(1024, 2 ** 40, DEFAULT_IMPORT_BYTES_PER_SECOND),
    '67108864',
    'Most bytes of entries that this node imports from each other node in a second',
  ),
  DCS_DATA_DIR: variable(
    z.string().min(1, 'a directory').optional(),
    '',
    'Where nodes of this machine keep their entries, each in a folder of its own; unset: in memory only',
  ),
  DCS_DURABILITY: variable(
    choice(['none', 'interval', 'always']).default('interval'),
    'interval',
    '`none`: no disk; `interval`: a power cut may cost the last second; `always`: a write is on disk before its answer',
  ),
  DCS_RECOVERY_WAIT_MS: variable(
    integer(0, 86_400_000, 30_000),
    '30000',
    'How long slots wait for the nodes that had them last before they go on with what there is, or a backup',
  ),
  DCS_BACKUP_DIR: variable(
    z.string().min(1, 'a directory').optional(),
    '',
    'Where all nodes write their backups, and restore from when no disk has the data; unset: no backups',
  ),
  DCS_BACKUP_INTERVAL: variable(integer(0, 31_536_000, 300), '300', 'Seconds between backups; 0 = only on demand'),
  DCS_BACKUP_KEEP: variable(integer(1, 1000, 3), '3', 'Backups kept per node'),
  DCS_CLUSTER_SECRET: variable(
    z.string().min(8, 'at least 8 characters').max(1024, 'at most 1024 characters').optional(),
    '',
    'What every connection must give with AUTH; also as DCS_CLUSTER_SECRET_FILE',
    true,
  ),
  DCS_CLUSTER_SECRET_FILE: variable(z.string().min(1, 'a path').optional(), '', 'File that holds the secret'),
  DCS_ALLOW_UNAUTHENTICATED: variable(
    choice(['true', 'false']).default('false'),
    'false',
    'Listen beyond loopback without a secret',
  ),
  DCS_LOG_LEVEL: variable(
    choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    'info',
    'Least level that is logged',
  ),
  DCS_LOG_FORMAT: variable(choice(['json', 'pretty']).default('json'), 'json', 'JSON lines, or text for people'),
  DCS_SHUTDOWN_TIMEOUT_MS: variable(integer(0, 600_000, 10_000), '10000', 'Longest time from SIGTERM to the end'),
} as const satisfies Readonly<Record<string, Variable>>;

type Values = { readonly [K in keyof typeof VARIABLES]: z.output<(typeof VARIABLES)[K]['schema']> };

/** What the process runs with: frozen, complete, checked. */
export interface AuxConfig {
  readonly cluster: string;
  readonly id: string;
  /** Otherwise a node with a disk takes the id of a folder. */
  readonly idIsGiven: boolean;
  readonly host: string;
  readonly advertiseHost: string;
  readonly dataPort: number;
  readonly httpPort: number;
  readonly registry: string;
  readonly registryPassword: string | undefined;
  readonly replicas: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly weight: number;
  readonly zone: string;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxValueBytes: number;
  readonly maxConnections: number;
  readonly tombstoneRetentionMs: number;
  readonly importBytesPerSecond: number;
  /** Of all nodes of this machine; undefined: memory only. */
  readonly dataDir: string | undefined;
  readonly durability: 'interval' | 'always';
  readonly recoveryWaitMs: number;
  readonly backupDir: string | undefined;
  /** 0 = only on demand. */
  readonly backupIntervalMs: number;
  readonly backupKeep: number;
  readonly secret: string | undefined;
  readonly logLevel: Values['DCS_LOG_LEVEL'];
  readonly logFormat: Values['DCS_LOG_FORMAT'];
  readonly shutdownTimeoutMs: number;
}

/** One line per problem, each naming the variable, what it got and what is expected. */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG';
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/** Where the configuration comes from. */
export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Contents of a file named by a `_FILE` variable. */
  readonly readFile: (path: string) => string;
  readonly pid: number;
}

/** @throws ConfigError naming every problem at once */
export function loadConfig({ env, readFile, pid }: ConfigSource): AuxConfig {
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (name.startsWith('DCS_') && !(name in VARIABLES)) {
      problems.push(`${name}: got ${shown(env[name], SENSITIVE.test(name))}, expected no such variable`);
    }
  }
  const values: Record<string, unknown> = {};
  for (const [name, { schema, secret }] of Object.entries<Variable>(VARIABLES)) {
    const given = env[name] === '' ? undefined : env[name]; // compose files pass unset variables as empty
    const result = schema.safeParse(given);
    if (result.success) values[name] = result.data;
    else
      problems.push(
        `${name}: got ${shown(given, secret)}, expected ${result.error.issues[0]?.message ?? 'another value'}`,
      );
  }
  const valid = values as Values;
  if (problems.length > 0) throw new ConfigError(problems);
  const [secret, registryPassword] = SECRETS.map((name) => secretOf(name, valid, readFile, problems));
  if (problems.length === 0) checkTogether(valid, secret, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return configOf(valid, { secret, registryPassword }, pid);
}

const CREDENTIALS = /\/\/.*@/s;
/** A misspelt secret is not to be printed either. */
const SENSITIVE = /SECRET|TOKEN|PASSWORD/;

function shown(value: string | undefined, secret = false): string {
  if (value === undefined) return 'nothing';
  return secret ? '(hidden)' : JSON.stringify(value.replace(CREDENTIALS, '//(hidden)@').slice(0, 100));
}

const SECRETS = ['DCS_CLUSTER_SECRET', 'DCS_REGISTRY_PASSWORD'] as const;

/** The value of a variable that may also be in a file, which `<name>_FILE` names. */
function secretOf(
  name: (typeof SECRETS)[number],
  values: Values,
  readFile: ConfigSource['readFile'],
  problems: string[],
): string | undefined {
  const path = values[`${name}_FILE`];
  if (path === undefined) return values[name];
  if (values[name] !== undefined) {
    problems.push(`${name}_FILE: got it together with ${name}, expected one of them`);
    return undefined;
  }
  try {
    const secret = readFile(path).trim();
    const result = VARIABLES[name].schema.safeParse(secret);
    if (result.success) return secret;
    const wanted = result.error.issues[0]?.message ?? 'another value';
    problems.push(`${name}_FILE: got a file with ${secret.length} characters, expected ${wanted}`);
  } catch (error) {
    problems.push(`${name}_FILE: got ${JSON.stringify(path)}, expected a readable file (${(error as Error).message})`);
  }
  return undefined;
}

function checkTogether(values: Values, secret: string | undefined, problems: string[]): void {
  if (values.DCS_HEARTBEAT_MS * 2 > values.DCS_LEASE_MS) {
    problems.push(
      `DCS_HEARTBEAT_MS: got ${values.DCS_HEARTBEAT_MS}, expected at most half of DCS_LEASE_MS (${values.DCS_LEASE_MS})`,
    );
  }
  if (secret === undefined && values.DCS_ALLOW_UNAUTHENTICATED === 'false' && !isLoopback(values.DCS_HOST)) {
    problems.push(
      `DCS_HOST: got ${JSON.stringify(values.DCS_HOST)} without DCS_CLUSTER_SECRET, expected a loopback address, a secret, ` +
        'or DCS_ALLOW_UNAUTHENTICATED=true',
    );
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function configOf(
  values: Values,
  { secret, registryPassword }: Pick<AuxConfig, 'secret' | 'registryPassword'>,
  pid: number,
): AuxConfig {
  const dataPort = values.DCS_DATA_PORT;
  return Object.freeze({
    cluster: values.DCS_CLUSTER,
    id: values.DCS_ID ?? `aux-${hostname()}-${dataPort === 0 ? pid : dataPort}`,
    idIsGiven: values.DCS_ID !== undefined,
    host: values.DCS_HOST,
    advertiseHost: values.DCS_ADVERTISE_HOST ?? values.DCS_HOST,
    dataPort,
    httpPort: values.DCS_HTTP_PORT,
    registry: values.DCS_REGISTRY,
    registryPassword,
    replicas: values.DCS_REPLICAS,
    heartbeatMs: values.DCS_HEARTBEAT_MS,
    leaseMs: values.DCS_LEASE_MS,
    weight: values.DCS_WEIGHT,
    zone: values.DCS_ZONE,
    maxEntries: values.DCS_MAX_ENTRIES,
    maxBytes: values.DCS_MAX_BYTES,
    maxValueBytes: values.DCS_MAX_VALUE_BYTES,
    maxConnections: values.DCS_MAX_CONNECTIONS,
    tombstoneRetentionMs: values.DCS_TOMBSTONE_RETENTION_MS,
    importBytesPerSecond: values.DCS_HANDOFF_BYTES_PER_SECOND,
    dataDir: values.DCS_DURABILITY === 'none' ? undefined : values.DCS_DATA_DIR,
    durability: values.DCS_DURABILITY === 'always' ? 'always' : 'interval',
    recoveryWaitMs: values.DCS_RECOVERY_WAIT_MS,
    backupDir: values.DCS_BACKUP_DIR,
    backupIntervalMs: values.DCS_BACKUP_INTERVAL * 1000,
    backupKeep: values.DCS_BACKUP_KEEP,
    secret,
    logLevel: values.DCS_LOG_LEVEL,
    logFormat: values.DCS_LOG_FORMAT,
    shutdownTimeoutMs: values.DCS_SHUTDOWN_TIMEOUT_MS,
  });
}
