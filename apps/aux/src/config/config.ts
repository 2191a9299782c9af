import { hostname } from 'node:os';
import {
  type ApiToken,
  choice,
  ConfigError,
  defaultEntryBytes,
  type Environment,
  integer,
  isEveryAddress,
  type MemoryLimits,
  mostEntryBytes,
  optionalText,
  problem,
  readVariables,
  SHARED_VARIABLES,
  sharedProblems,
} from '@dcs/environment';
import { z } from 'zod';
import { DEFAULT_IMPORT_BYTES_PER_SECOND } from '../replication/handoff/importer.js';

/** One variable: its schema, and what the README's table says of it. */
interface Variable<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  /** As shown in the table. */
  readonly default: string;
  readonly means: string;
}

/** A disk knows when its node was last alive to some seconds only: a time that is not much longer could not be told. */
export const MIN_TOMBSTONE_RETENTION_MS = 60_000;

function variable<T extends z.ZodType>(schema: T, shown: string, means: string): Variable<T> {
  return { schema, default: shown, means };
}

const MIN_MAX_BYTES = 2 ** 20;
const MAX_MAX_BYTES = 2 ** 40;
const port = (byDefault: number) => integer(byDefault, 0, 65_535);
const directory = z.string().min(1).optional().describe('a directory');
const shared = SHARED_VARIABLES;

/** Every variable that this process reads, in the order of the README's table. */
export const VARIABLES = {
  DCS_CLUSTER: variable(shared.DCS_CLUSTER, 'dcs', 'Name of the cluster; processes of one name find each other'),
  DCS_ID: variable(
    shared.DCS_ID,
    'aux-<host>-<data port or pid>',
    'Name of this node, unique in the cluster, the same after a restart; with DCS_DATA_DIR by default that of its folder',
  ),
  DCS_HOST: variable(shared.DCS_HOST, '127.0.0.1', 'Address to listen on'),
  DCS_ADVERTISE_HOST: variable(
    optionalText(/^[^\s/]{1,255}$/, 'a host name or address'),
    'DCS_HOST',
    'Address under which the others reach this node',
  ),
  DCS_DATA_PORT: variable(port(7000), '7000', 'Port of the RESP server; 0 = any free one'),
  DCS_HTTP_PORT: variable(port(7080), '7080', 'Port of health and metrics; 0 = any free one'),
  DCS_REGISTRY: variable(
    shared.DCS_REGISTRY,
    'file:.dcs/registry',
    'Who knows the members: `file:<directory>` on one machine, `redis://...` for many, `memory:` for a node alone',
  ),
  DCS_REGISTRY_PASSWORD: variable(
    shared.DCS_REGISTRY_PASSWORD,
    '',
    'Password for Redis, instead of one in DCS_REGISTRY; also as DCS_REGISTRY_PASSWORD_FILE',
  ),
  DCS_REPLICAS: variable(
    shared.DCS_REPLICAS,
    '2',
    'Copies of every entry, the primary included; the highest of the nodes that are up is in force',
  ),
  DCS_HEARTBEAT_MS: variable(shared.DCS_HEARTBEAT_MS, '1000', 'Time between heartbeats, at most half of the lease'),
  DCS_LEASE_MS: variable(shared.DCS_LEASE_MS, '3000', 'How long a silent node stays a member'),
  DCS_WEIGHT: variable(
    z
      .string()
      .regex(/^\d{1,5}(?:\.\d{1,4})?$/)
      .transform(Number)
      .refine((n) => n > 0 && n <= 10_000)
      .default(1)
      .describe('a number above 0, at most 10000'),
    '1',
    "This node's share of the slots, relative to the others'",
  ),
  DCS_ZONE: variable(
    z.string().max(128).default('').describe('at most 128 characters'),
    '',
    'Failure zone: copies go to different ones where there are any',
  ),
  DCS_MAX_ENTRIES: variable(integer(1_000_000, 1, 200_000_000), '1000000', 'Most entries'),
  DCS_MAX_BYTES: variable(
    z
      .string()
      .regex(/^(auto|\d{1,16})$/)
      .transform((value) => (value === 'auto' ? undefined : Number(value)))
      .refine((value) => value === undefined || (value >= MIN_MAX_BYTES && value <= MAX_MAX_BYTES))
      .optional()
      .describe(`auto, or an integer from ${MIN_MAX_BYTES} to ${MAX_MAX_BYTES}`),
    'auto',
    'Most bytes of keys, values and what an entry costs besides; `auto`: 268435456, but at most a quarter of the memory and half of the heap that the process may use. More than half of the memory or three quarters of the heap is refused',
  ),
  DCS_MAX_VALUE_BYTES: variable(shared.DCS_MAX_VALUE_BYTES, '1048576', 'Most bytes in a value'),
  DCS_MAX_CONNECTIONS: variable(
    shared.DCS_MAX_CONNECTIONS,
    '10000',
    'Most connections on the data port; fewer where the limit of open files leaves no room for 96 more',
  ),
  DCS_TOMBSTONE_RETENTION_MS: variable(
    integer(3_600_000, MIN_TOMBSTONE_RETENTION_MS, 30 * 86_400_000),
    '3600000',
    'How long a delete is remembered against older copies',
  ),
  DCS_HANDOFF_BYTES_PER_SECOND: variable(
    integer(DEFAULT_IMPORT_BYTES_PER_SECOND, 1024, 2 ** 40),
    '67108864',
    'Most bytes of entries that this node imports from each other node in a second',
  ),
  DCS_DATA_DIR: variable(
    directory,
    '',
    'Where nodes of this machine keep their entries, each in a folder of its own; unset: in memory only',
  ),
  DCS_DURABILITY: variable(
    choice(['none', 'interval', 'always'], 'interval'),
    'interval',
    '`none`: no disk; `interval`: a power cut may cost the last second; `always`: a write is on disk before its answer',
  ),
  DCS_RECOVERY_WAIT_MS: variable(
    integer(30_000, 0, 86_400_000),
    '30000',
    'How long slots wait for the nodes that had them last before they go on with what there is, or a backup',
  ),
  DCS_BACKUP_DIR: variable(
    directory,
    '',
    'Where all nodes write their backups, and restore from when no disk has the data; unset: no backups',
  ),
  DCS_BACKUP_INTERVAL: variable(integer(300, 0, 31_536_000), '300', 'Seconds between backups; 0 = only on demand'),
  DCS_BACKUP_KEEP: variable(integer(3, 1, 1000), '3', 'Backups kept per node'),
  DCS_CLUSTER_SECRET: variable(
    shared.DCS_CLUSTER_SECRET,
    '',
    'What the parts of the cache prove to each other that they know, never sent; a second line is accepted too; also as DCS_CLUSTER_SECRET_FILE',
  ),
  DCS_API_TOKENS: variable(
    shared.DCS_API_TOKENS,
    '',
    '`name:token:role,...`: what Redis clients give with `AUTH name token`, as in the gateways; also as DCS_API_TOKENS_FILE',
  ),
  DCS_ALLOW_UNAUTHENTICATED: variable(
    shared.DCS_ALLOW_UNAUTHENTICATED,
    'false',
    'Redis clients need no token, and the node may listen beyond loopback without a secret',
  ),
  DCS_ALLOW_PROTOCOL_1: variable(
    shared.DCS_ALLOW_PROTOCOL_1,
    'false',
    'Speak to processes of protocol version 1, which shows them the secret: for the length of an upgrade',
  ),
  DCS_LOG_LEVEL: variable(shared.DCS_LOG_LEVEL, 'info', 'Least level that is logged'),
  DCS_LOG_FORMAT: variable(shared.DCS_LOG_FORMAT, 'json', 'JSON lines, or text for people'),
  DCS_SHUTDOWN_TIMEOUT_MS: variable(shared.DCS_SHUTDOWN_TIMEOUT_MS, '10000', 'Longest time from SIGTERM to the end'),
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
  /** The first is in use; a second one is accepted too. None: peers need not know one. */
  readonly secrets: readonly string[];
  readonly tokens: readonly ApiToken[];
  /** Redis clients have to give a token before anything else. */
  readonly closedToStrangers: boolean;
  readonly allowsProtocol1: boolean;
  readonly logLevel: Values['DCS_LOG_LEVEL'];
  readonly logFormat: Values['DCS_LOG_FORMAT'];
  readonly shutdownTimeoutMs: number;
}

/** Where the configuration comes from. */
export interface ConfigSource {
  readonly env: Environment;
  /** Contents of a file named by a `_FILE` variable. */
  readonly readFile: (path: string) => string;
  readonly pid: number;
  readonly memory: MemoryLimits;
}

/** @throws ConfigError naming every problem at once */
export function loadConfig({ env, readFile, pid, memory }: ConfigSource): AuxConfig {
  const schemas = Object.fromEntries(Object.entries(VARIABLES).map(([name, { schema }]) => [name, schema]));
  const values = readVariables(schemas, { environment: env, readFile }) as Values;
  const problems = relations(values, memory);
  if (problems.length > 0) throw new ConfigError(problems);
  return configOf(values, pid, memory);
}

/** What only shows when variables are seen together. */
function relations(values: Values, memory: MemoryLimits): string[] {
  const hasSecret = values.DCS_CLUSTER_SECRET.length > 0;
  const problems = sharedProblems(values, { name: 'DCS_CLUSTER_SECRET', isSet: hasSecret });
  const refuse = (name: keyof Values, shown: string, expected: string) => problems.push(problem(name, shown, expected));
  const { DCS_ADVERTISE_HOST: advertised, DCS_HOST: host } = values;
  if (advertised === undefined && isEveryAddress(host)) {
    refuse('DCS_ADVERTISE_HOST', 'nothing', `an address that others can connect to, as DCS_HOST=${host} is none`);
  } else if (advertised !== undefined && isEveryAddress(advertised)) {
    refuse('DCS_ADVERTISE_HOST', JSON.stringify(advertised), 'an address that others can connect to');
  }
  if (values.DCS_DURABILITY === 'always' && values.DCS_DATA_DIR === undefined) {
    refuse('DCS_DURABILITY', '"always"', 'another value while DCS_DATA_DIR is not set: there is no disk to write to');
  }
  const most = mostEntryBytes(memory);
  if ((values.DCS_MAX_BYTES ?? 0) > most) {
    const { heapBytes, totalBytes } = memory;
    const limits = `the heap ends at ${heapBytes} (--max-old-space-size), the memory at ${totalBytes}`;
    refuse('DCS_MAX_BYTES', JSON.stringify(String(values.DCS_MAX_BYTES)), `at most ${most}: ${limits}`);
  }
  if (values.DCS_API_TOKENS.length > 0 && !hasSecret) {
    const expected = 'DCS_CLUSTER_SECRET as well: else whoever says that it is a part of the cache needs no token';
    refuse('DCS_API_TOKENS', '(hidden)', expected);
  }
  return problems;
}

function configOf(values: Values, pid: number, memory: MemoryLimits): AuxConfig {
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
    registryPassword: values.DCS_REGISTRY_PASSWORD,
    replicas: values.DCS_REPLICAS,
    heartbeatMs: values.DCS_HEARTBEAT_MS,
    leaseMs: values.DCS_LEASE_MS,
    weight: values.DCS_WEIGHT,
    zone: values.DCS_ZONE,
    maxEntries: values.DCS_MAX_ENTRIES,
    maxBytes: values.DCS_MAX_BYTES ?? defaultEntryBytes(memory),
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
    secrets: values.DCS_CLUSTER_SECRET,
    tokens: values.DCS_API_TOKENS,
    closedToStrangers:
      values.DCS_API_TOKENS.length > 0 || (values.DCS_CLUSTER_SECRET.length > 0 && !values.DCS_ALLOW_UNAUTHENTICATED),
    allowsProtocol1: values.DCS_ALLOW_PROTOCOL_1,
    logLevel: values.DCS_LOG_LEVEL,
    logFormat: values.DCS_LOG_FORMAT,
    shutdownTimeoutMs: values.DCS_SHUTDOWN_TIMEOUT_MS,
  });
}
