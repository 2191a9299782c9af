import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Environment, environmentFor, OWN_VARIABLES, type Role } from './config/environment.js';
import { LauncherError } from './errors.js';
import { type PortWish } from './ports.js';

/** A running master. */
export interface MasterInfo {
  readonly name: string;
  readonly pid: number;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
}

/** A running aux. */
export interface AuxInfo {
  readonly name: string;
  readonly pid: number;
  readonly host: string;
  /** RESP. */
  readonly dataPort: number;
  /** Health and metrics. */
  readonly httpPort: number;
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What happens to a cluster, told as it happens. */
export type ClusterEvent =
  | { readonly type: 'line'; readonly name: string; readonly line: string; readonly stream: 'stdout' | 'stderr' }
  | { readonly type: 'ready'; readonly name: string; readonly pid: number; readonly tookMs: number }
  /** Ended with nobody asking for it, after it had been ready. */
  | { readonly type: 'died'; readonly name: string; readonly exit: ProcessExit; readonly lastLines: readonly string[] }
  /** Ended because it was asked to; `killed` when it had to be. */
  | {
      readonly type: 'stopped';
      readonly name: string;
      readonly exit: ProcessExit;
      readonly tookMs: number;
      readonly killed: boolean;
    };

/** What {@link startCluster} takes. */
export interface ClusterOptions {
  /** Directory of what the cluster keeps; created; one cluster at a time. */
  readonly dataDir: string;
  /** @defaultValue 3 */
  readonly aux?: number;
  /** @defaultValue 2 */
  readonly masters?: number;
  /** @defaultValue 2 */
  readonly replicas?: number;
  /** Address that every process listens on. @defaultValue '127.0.0.1' */
  readonly host?: string;
  /** Port of the first master; the next ones follow; 0: any free. @defaultValue 0 */
  readonly port?: number;
  /** RESP port of the first aux; the next ones follow; 0: any free. @defaultValue 0 */
  readonly auxDataPort?: number;
  /** Ops port of the first aux; the next ones follow; 0: any free. @defaultValue 0 */
  readonly auxHttpPort?: number;
  /** @defaultValue `file:<dataDir>/registry` */
  readonly registry?: string;
  /** How long each process may take to answer 200 at /health/ready, in ms. @defaultValue 30000 */
  readonly readyTimeoutMs?: number;
  /** What the processes inherit; DCS_ variables go to the roles that know them. @defaultValue the caller's environment */
  readonly environment?: Environment;
  /** More variables for one process each, by its name (`aux-1`, `master-2`); undefined removes one. */
  readonly processEnv?: Readonly<Record<string, Environment>>;
  /** Holds apps/aux/dist and apps/master/dist. @defaultValue the workspace that this file is in */
  readonly root?: string;
  readonly onEvent?: (event: ClusterEvent) => void;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;
export const DEFAULT_AUX = 3;
export const DEFAULT_MASTERS = 2;
export const DEFAULT_REPLICAS = 2;
export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_READY_TIMEOUT_MS = 30_000;
/** Of the apps. */
const DEFAULT_SHUTDOWN_TIMEOUT_MS = 10_000;
/** A process gets this much longer than its own limit for draining before it is killed. */
const SHUTDOWN_MARGIN_MS = 2_000;

/** The same from src/ and from dist/. */
export const WORKSPACE_ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Preloaded into every process; see there. */
export const EXIT_WITH_PARENT = new URL('../bin/exit-with-parent.js', import.meta.url).href;

/** Where one process listens. */
export interface Placement {
  readonly name: string;
  readonly role: Role;
  readonly httpPort: number;
  /** Of an aux. */
  readonly dataPort: number;
}

/** What all processes of a cluster have in common. */
export interface Surroundings {
  readonly host: string;
  readonly replicas: number;
  readonly registry: string;
  /** Of what the aux keep: their entries in `disk/`, backups in `backup/`. Absolute. */
  readonly dataDir: string;
  /** Of the secret that the launcher makes; undefined where the caller gives one. */
  readonly secretFile: string | undefined;
  /** For each aux, unless the caller says more than `auto`; undefined: each by its own rule. */
  readonly maxBytes: string | undefined;
  readonly environment: Environment;
}

/**
 * The environment of one process: what it inherits, what the launcher says, what was asked for this one, in that order.
 * @throws LauncherError ERR_USAGE when `extra` has a variable that only the launcher may set
 */
export function processEnvironment(
  placement: Placement,
  surroundings: Surroundings,
  extra: Environment = {},
): Record<string, string> {
  for (const [name, instead] of Object.entries(OWN_VARIABLES)) {
    if (name in extra) throw new LauncherError('ERR_USAGE', `${name} of ${placement.name} cannot be set: ${instead}`);
  }
  const { host, environment } = surroundings;
  const result = environmentFor(placement.role, environment);
  result['DCS_ID'] = placement.name;
  result['DCS_HOST'] = host;
  result['DCS_HTTP_PORT'] = String(placement.httpPort);
  result['DCS_REGISTRY'] = surroundings.registry;
  result['DCS_REPLICAS'] = String(surroundings.replicas);
  if (surroundings.secretFile !== undefined) result['DCS_CLUSTER_SECRET_FILE'] = surroundings.secretFile;
  if (placement.role === 'aux') {
    result['DCS_DATA_PORT'] = String(placement.dataPort);
    result['DCS_DATA_DIR'] = join(surroundings.dataDir, 'disk');
    const { maxBytes } = surroundings;
    if (maxBytes !== undefined && (result['DCS_MAX_BYTES'] || 'auto') === 'auto') result['DCS_MAX_BYTES'] = maxBytes;
    result['DCS_BACKUP_DIR'] ??= join(surroundings.dataDir, 'backup');
    // Without tokens HTTP is open to whoever is on this machine, and so is RESP.
    if (!hasTokens(environment) && LOOPBACK.test(host)) result['DCS_ALLOW_UNAUTHENTICATED'] ??= 'true';
    // Nobody can connect to "every address".
    if (reachable(host) !== host) result['DCS_ADVERTISE_HOST'] ??= reachable(host);
  }
  for (const [name, value] of Object.entries(extra)) {
    if (value === undefined) delete result[name];
    else result[name] = value;
  }
  return result;
}

/** The ports of a process and the options that move them. */
export function portWishes({ name, role, httpPort, dataPort }: Placement): PortWish[] {
  if (role === 'master') return [{ port: httpPort, owner: `${name} HTTP`, option: '--port' }];
  return [
    { port: dataPort, owner: `${name} RESP`, option: '--aux-data-port' },
    { port: httpPort, owner: `${name} ops`, option: '--aux-http-port' },
  ];
}

/** Whether callers need a token. */
export function hasTokens(environment: Environment): boolean {
  return Boolean(environment['DCS_API_TOKENS'] || environment['DCS_API_TOKENS_FILE']);
}

/** Whether the caller says what the processes prove to each other that they know. */
export function hasSecret(environment: Environment): boolean {
  return Boolean(environment['DCS_CLUSTER_SECRET'] || environment['DCS_CLUSTER_SECRET_FILE']);
}

/** An address of this machine at which something that listens on `host` answers. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** How long a process with this environment may take from SIGTERM to its end, in ms. */
export function drainTimeoutMs(environment: Environment): number {
  const value = Number(environment['DCS_SHUTDOWN_TIMEOUT_MS'] ?? DEFAULT_SHUTDOWN_TIMEOUT_MS);
  return (Number.isFinite(value) && value >= 0 ? value : DEFAULT_SHUTDOWN_TIMEOUT_MS) + SHUTDOWN_MARGIN_MS;
}

/** `exit code 1`, `signal SIGKILL`. */
export function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`;
}
