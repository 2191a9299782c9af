import { LauncherError } from '../errors.js';

export type Role = 'aux' | 'master';
export type Environment = Readonly<Record<string, string | undefined>>;

/** The caller's environment. The only place of the launcher that reads it. */
export function callerEnvironment(): Environment {
  return { ...process.env };
}

/** Whether the caller asks for no colours (https://no-color.org). */
export function noColour(environment: Environment = callerEnvironment()): boolean {
  return Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb';
}

/** Each DCS_ variable that the launcher passes on, to whom, and what it is, as `--help` prints it. */
export const VARIABLES: Readonly<Record<string, { readonly to: Role | 'both'; readonly text: string }>> = {
  DCS_CLUSTER: { to: 'both', text: 'name of the cluster' },
  DCS_HEARTBEAT_MS: { to: 'both', text: 'how often a process renews its lease' },
  DCS_LEASE_MS: { to: 'both', text: 'how long a silent process stays a member' },
  DCS_CLUSTER_SECRET: { to: 'both', text: 'what the processes prove to each other; default: one is made' },
  DCS_CLUSTER_SECRET_FILE: { to: 'both', text: 'the same, read from a file' },
  DCS_REGISTRY_PASSWORD: { to: 'both', text: 'password for Redis, where DCS_REGISTRY has none' },
  DCS_REGISTRY_PASSWORD_FILE: { to: 'both', text: 'the same, read from a file' },
  DCS_PUBLISH_ADDRESS: { to: 'master', text: 'address a load balancer in front listens on' },
  DCS_ALLOWED_HOSTS: { to: 'master', text: 'names in Host that are answered for without tokens' },
  DCS_API_TOKENS: { to: 'both', text: 'name:token:role,... (read, write, admin), for HTTP and RESP' },
  DCS_API_TOKENS_FILE: { to: 'both', text: 'the same, read from a file' },
  DCS_ALLOW_UNAUTHENTICATED: { to: 'both', text: 'listen beyond loopback with no token or secret' },
  DCS_ALLOW_PROTOCOL_1: { to: 'both', text: 'speak to a release that sends the secret; for an upgrade' },
  DCS_LOG_LEVEL: { to: 'both', text: 'trace, debug, info, warn, error' },
  DCS_LOG_FORMAT: { to: 'both', text: 'json; any other form is passed on as it is' },
  DCS_SHUTDOWN_TIMEOUT_MS: { to: 'both', text: 'how long a process may drain' },
  DCS_MAX_VALUE_BYTES: { to: 'both', text: 'largest value' },
  DCS_MAX_CONNECTIONS: { to: 'both', text: 'connections per process' },
  DCS_ADVERTISE_HOST: { to: 'aux', text: 'address that the masters use to reach an aux' },
  DCS_WEIGHT: { to: 'aux', text: 'share of the slots, relative to the others' },
  DCS_ZONE: { to: 'aux', text: 'zone; copies go to different ones' },
  DCS_MAX_ENTRIES: { to: 'aux', text: 'entries per aux' },
  DCS_MAX_BYTES: { to: 'aux', text: 'bytes of entries per aux' },
  DCS_TOMBSTONE_RETENTION_MS: { to: 'aux', text: 'how long a delete is remembered' },
  DCS_HANDOFF_BYTES_PER_SECOND: { to: 'aux', text: 'how fast an aux imports from each other' },
  DCS_DURABILITY: { to: 'aux', text: 'none, interval (at most the last second is lost) or always' },
  DCS_RECOVERY_WAIT_MS: { to: 'aux', text: 'how long slots wait for the nodes that had them last' },
  DCS_BACKUP_DIR: { to: 'aux', text: 'backups of all nodes; default: backup/ in the data directory' },
  DCS_BACKUP_INTERVAL: { to: 'aux', text: 'seconds between backups' },
  DCS_BACKUP_KEEP: { to: 'aux', text: 'backups kept per node' },
  DCS_REQUEST_TIMEOUT_MS: { to: 'master', text: 'one attempt at an aux' },
  DCS_OPERATION_TIMEOUT_MS: { to: 'master', text: 'one operation, retries included' },
  DCS_BULK_MAX_ITEMS: { to: 'master', text: 'items of a bulk request' },
  DCS_BULK_MAX_BYTES: { to: 'master', text: 'bytes of a bulk request' },
  DCS_MAX_IN_FLIGHT: { to: 'master', text: 'requests in flight' },
  DCS_MAX_IN_FLIGHT_PER_AUX: { to: 'master', text: 'requests in flight at one aux' },
  DCS_MAX_HEADER_BYTES: { to: 'master', text: 'headers of a request' },
  DCS_HTTP_REQUEST_TIMEOUT_MS: { to: 'master', text: 'how long a client may take to send a request' },
  DCS_HTTP_KEEP_ALIVE_TIMEOUT_MS: { to: 'master', text: 'how long an idle connection is kept' },
  DCS_HTTP_CONNECTION_TIMEOUT_MS: { to: 'master', text: 'how long a silent connection is kept' },
  DCS_READ_FROM: { to: 'master', text: 'who answers reads: primary or any' },
  DCS_HEDGE_DELAY_MS: { to: 'master', text: 'how slow a read may be before a second owner is asked' },
  DCS_RETRY_BUDGET_PERCENT: { to: 'master', text: 'retries allowed, in percent of the requests' },
};

/** Taken as the default of an option, then given to every process. */
export const OPTION_VARIABLES: readonly string[] = ['DCS_HOST', 'DCS_REPLICAS', 'DCS_REGISTRY'];

/** Different in every process, so the launcher alone sets them. */
export const OWN_VARIABLES: Readonly<Record<string, string>> = {
  DCS_ID: 'processes are called aux-1, aux-2, ..., master-1, ...',
  DCS_HTTP_PORT: 'use --port and --aux-http-port',
  DCS_DATA_PORT: 'use --aux-data-port',
  DCS_DATA_DIR: 'use --data; DCS_DURABILITY=none for memory only',
};

/** @throws LauncherError ERR_USAGE for a variable that only the launcher may set */
export function refuseOwnVariables(environment: Environment): void {
  for (const [name, instead] of Object.entries(OWN_VARIABLES)) {
    if (environment[name]) {
      throw new LauncherError('ERR_USAGE', `${name} is set, but the launcher sets it for each process: ${instead}`);
    }
  }
}

/**
 * The part of an environment that a process of `role` gets: all that is not DCS_, and the DCS_ variables of its role.
 * A DCS_ variable that nobody knows goes to both: they refuse it by name.
 */
export function environmentFor(role: Role, environment: Environment): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    const to = VARIABLES[name]?.to ?? 'both';
    if (value !== undefined && (to === 'both' || to === role)) result[name] = value;
  }
  return result;
}
