import { access, chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { authority } from './address-table.js';
import {
  type AuxInfo,
  type ClusterEvent,
  type ClusterOptions,
  DEFAULT_AUX,
  DEFAULT_HOST,
  DEFAULT_MASTERS,
  DEFAULT_READY_TIMEOUT_MS,
  DEFAULT_REPLICAS,
  drainTimeoutMs,
  hasSecret,
  type MasterInfo,
  type Placement,
  portWishes,
  processEnvironment,
  reachable,
  type Surroundings,
  WORKSPACE_ROOT,
} from './cluster-plan.js';
import { clusterSecretFile, ensureClusterSecret } from './cluster-secret.js';
import { memoryShare } from './memory-share.js';
import { callerEnvironment, type Environment, refuseOwnVariables, type Role } from './config/environment.js';
import { DataLock } from './data-lock.js';
import { LauncherError } from './errors.js';
import { readLogLine, renderLogRecord } from './log-line.js';
import { ManagedProcess } from './managed-process.js';
import { MAX_PORT } from './options.js';
import { plain } from './paint.js';
import { checkPlatform } from './platform.js';
import { checkPorts, freePorts } from './ports.js';

/** Lines of a dead process's log that its event carries. */
const LAST_LINES = 20;
/** SIGKILL cannot be refused, but the kernel may take a moment. */
const KILL_TIMEOUT_MS = 5_000;
const ENDING_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT']);

/** Of the data directory. The processes make none themselves: one that is missing may be a volume that is not mounted. */
const FOLDERS = ['registry', 'disk', 'backup'] as const;

const OWNER_ONLY = 0o700;

/** For nobody else to look into; also one that an earlier release made. */
async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: OWNER_ONLY });
  await chmod(path, OWNER_ONLY);
}

interface Member {
  readonly placement: Placement;
  /** Variables for this one; the last ones given count. */
  extra: Environment;
  process: ManagedProcess | undefined;
}

/**
 * An aux makes much garbage that dies at once: room for it costs less than copying it (SET: a third of the CPU). Its
 * path from request to reply is many small functions: the compiler may join more of them than by default (a tenth).
 */
const NODE_OPTIONS: Readonly<Record<Role, readonly string[]>> = {
  master: [],
  aux: ['--max-semi-space-size=64', '--max-inlined-bytecode-size-cumulative=3000'],
};

/** The processes of one cluster on this machine. Made by {@link startCluster}. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #root: string;
  readonly #dataDir: string;
  readonly #surroundings: Surroundings;
  readonly #members = new Map<string, Member>();
  #lock: DataLock | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws LauncherError ERR_USAGE */
  constructor(options: ClusterOptions) {
    const environment = options.environment ?? callerEnvironment();
    refuseOwnVariables(environment);
    this.#options = options;
    this.#root = options.root ?? WORKSPACE_ROOT;
    this.#dataDir = resolve(options.dataDir);
    this.#surroundings = {
      host: options.host ?? DEFAULT_HOST,
      replicas: options.replicas ?? DEFAULT_REPLICAS,
      registry: options.registry ?? `file:${join(this.#dataDir, 'registry')}`,
      dataDir: this.#dataDir,
      secretFile: hasSecret(environment) ? undefined : clusterSecretFile(this.#dataDir),
      maxBytes: memoryShare(options.aux ?? DEFAULT_AUX),
      environment,
    };
  }

  /** Where the processes register. */
  get registry(): string {
    return this.#surroundings.registry;
  }

  /** The masters that run. */
  get masters(): MasterInfo[] {
    return this.#running('master').map(({ name, pid, httpPort, host }) => ({
      name,
      pid,
      url: `http://${authority(host, httpPort)}`,
    }));
  }

  /** The aux that run. */
  get aux(): AuxInfo[] {
    return this.#running('aux').map(({ name, pid, host, dataPort, httpPort }) => ({
      name,
      pid,
      host,
      dataPort,
      httpPort,
    }));
  }

  /** Processes of a role, dead ones included. */
  count(role: Role): number {
    return [...this.#members.values()].filter(({ placement }) => placement.role === role).length;
  }

  /** Starts everything: first the aux, then the masters, whose first view is then a whole one. Only called once. */
  async boot(): Promise<void> {
    const { aux = DEFAULT_AUX, masters = DEFAULT_MASTERS, processEnv = {} } = this.#options;
    try {
      const hasDisks = this.#surroundings.environment['DCS_DURABILITY'] !== 'none';
      checkPlatform(process.platform, hasDisks ? this.#dataDir : undefined);
      await this.#checkBuilt();
      this.#lock = await DataLock.acquire(this.#dataDir);
      for (const folder of FOLDERS) await privateFolder(join(this.#dataDir, folder));
      const { secretFile } = this.#surroundings;
      if (secretFile !== undefined) await ensureClusterSecret(secretFile);
      await this.#place('aux', aux);
      await this.#place('master', masters);
      for (const name of Object.keys(processEnv)) this.#member(name);
      await checkPorts(
        this.#surroundings.host,
        [...this.#members.values()].flatMap(({ placement }) => portWishes(placement)),
      );
      await this.#startAll('aux');
      await this.#startAll('master');
    } catch (error) {
      await this.stop();
      await this.#lock?.release(); // Taken after a stop() that came first.
      throw error;
    }
  }

  /**
   * Sends a signal (default SIGKILL). For a signal that ends a process, resolves when it has ended.
   * @throws LauncherError ERR_UNKNOWN_PROCESS, or ERR_STILL_RUNNING when the process has not drained in its time
   */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { process } = this.#member(name);
    if (process === undefined || !process.signal(signal) || !ENDING_SIGNALS.has(signal)) return;
    const timeoutMs = signal === 'SIGKILL' ? KILL_TIMEOUT_MS : drainTimeoutMs(process.spec.environment);
    if ((await process.waitEnd(timeoutMs)) === undefined) {
      throw new LauncherError('ERR_STILL_RUNNING', `${name} still runs ${timeoutMs} ms after ${signal}`);
    }
  }

  /**
   * Starts a dead process again, with the same id and ports, and waits until it is ready.
   * @param env variables for it, instead of the ones it had
   * @throws LauncherError ERR_UNKNOWN_PROCESS, ERR_STILL_RUNNING, ERR_PROCESS_DIED, ERR_NOT_READY, ERR_STOPPED
   */
  async start(name: string, env?: Environment): Promise<void> {
    const member = this.#member(name);
    if (member.process?.alive)
      throw new LauncherError('ERR_STILL_RUNNING', `${name} still runs (pid ${member.process.pid})`);
    if (env !== undefined) member.extra = env;
    await this.#run(member);
  }

  /**
   * Starts one more aux and waits until it is ready.
   * @throws LauncherError as {@link start} does, or ERR_PORT_IN_USE
   */
  async addAux(env: Environment = {}): Promise<AuxInfo> {
    this.#refuseStopped();
    const [member] = await this.#place('aux', 1, env);
    if (member === undefined) throw new LauncherError('ERR_UNKNOWN_PROCESS', 'no aux was placed');
    const { name } = member.placement;
    try {
      await checkPorts(this.#surroundings.host, portWishes(member.placement));
    } catch (error) {
      this.#members.delete(name);
      throw error;
    }
    await this.#run(member);
    const info = this.aux.find((aux) => aux.name === name);
    if (info === undefined) throw new LauncherError('ERR_PROCESS_DIED', `${name} died as soon as it was ready`);
    return info;
  }

  /** The last lines a process has logged, as it wrote them, oldest first; earlier runs included. */
  logs(name: string): readonly string[] {
    return this.#member(name).process?.lines ?? [];
  }

  /** Ends everything: drains the masters, then the aux, and kills what does not drain in time. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** SIGKILL to everything that runs. `stop()` resolves soon after. */
  killAll(): void {
    for (const { process } of this.#members.values()) process?.signal('SIGKILL');
  }

  async #stop(): Promise<void> {
    for (const role of ['master', 'aux'] as const) {
      const running = [...this.#members.values()].filter((m) => m.placement.role === role && m.process?.alive);
      await Promise.all(
        running.map(async ({ placement: { name }, process }) => {
          if (process === undefined) return;
          const outcome = await process.stop();
          this.#tell({ type: 'stopped', name, ...outcome });
        }),
      );
    }
    await this.#lock?.release();
  }

  async #startAll(role: Role): Promise<void> {
    const members = [...this.#members.values()].filter(({ placement }) => placement.role === role);
    await Promise.all(members.map((member) => this.#run(member)));
  }

  async #run(member: Member): Promise<void> {
    this.#refuseStopped();
    const { placement } = member;
    const { name, role, httpPort } = placement;
    const process: ManagedProcess = new ManagedProcess(
      {
        name,
        script: this.#script(role),
        nodeOptions: NODE_OPTIONS[role],
        cwd: this.#root,
        environment: processEnvironment(placement, this.#surroundings, member.extra),
        readyUrl: `http://${authority(reachable(this.#surroundings.host), httpPort)}/health/ready`,
      },
      {
        line: (line, stream) => this.#tell({ type: 'line', name, line, stream }),
        exited: (exit) => {
          if (process.asked || !process.ready) return; // Whoever asked or waits for it tells.
          this.#tell({ type: 'died', name, exit, lastLines: process.lines.slice(-LAST_LINES) });
        },
      },
      member.process?.lines,
    );
    member.process = process;
    try {
      const tookMs = await process.waitReady(this.#options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS);
      this.#tell({ type: 'ready', name, pid: process.pid, tookMs });
    } catch (error) {
      if (process.alive) await process.stop();
      throw withLog(error, process.lines);
    }
  }

  /** Gives `count` new members of a role their names and ports. */
  async #place(role: Role, count: number, env?: Environment): Promise<Member[]> {
    const { port = 0, auxDataPort = 0, auxHttpPort = 0, processEnv = {} } = this.#options;
    const existing = this.count(role);
    const taken = new Set([...this.#members.values()].flatMap((m) => [m.placement.httpPort, m.placement.dataPort]));
    const ports = async (first: number): Promise<number[]> => {
      const found =
        first === 0
          ? await freePorts(this.#surroundings.host, count, taken)
          : Array.from({ length: count }, (_, i) => first + existing + i);
      if (found.some((each) => each > MAX_PORT)) throw new LauncherError('ERR_USAGE', `no port is left above ${first}`);
      for (const each of found) taken.add(each);
      return found;
    };
    const httpPorts = await ports(role === 'aux' ? auxHttpPort : port);
    const dataPorts = role === 'aux' ? await ports(auxDataPort) : [];
    return httpPorts.map((httpPort, i) => {
      const name = `${role}-${existing + i + 1}`;
      const placement = { name, role, httpPort, dataPort: dataPorts[i] ?? 0 };
      const member: Member = { placement, extra: env ?? processEnv[name] ?? {}, process: undefined };
      this.#members.set(name, member);
      return member;
    });
  }

  #running(role: Role): (Placement & { pid: number; host: string })[] {
    const host = reachable(this.#surroundings.host);
    return [...this.#members.values()].flatMap(({ placement, process }) =>
      placement.role === role && process?.alive ? [{ ...placement, pid: process.pid, host }] : [],
    );
  }

  #script(role: Role): string {
    return join(this.#root, 'apps', role, 'dist', 'main.js');
  }

  async #checkBuilt(): Promise<void> {
    for (const role of ['aux', 'master'] as const) {
      await access(this.#script(role)).catch((cause: unknown) => {
        throw new LauncherError('ERR_NOT_BUILT', `${this.#script(role)} is missing: run npm run build`, { cause });
      });
    }
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member !== undefined) return member;
    const names = [...this.#members.keys()].join(', ');
    throw new LauncherError('ERR_UNKNOWN_PROCESS', `no process is called ${JSON.stringify(name)}: there are ${names}`);
  }

  #refuseStopped(): void {
    if (this.#stopped !== undefined) throw new LauncherError('ERR_STOPPED', 'the cluster has been stopped');
  }

  #tell(event: ClusterEvent): void {
    this.#options.onEvent?.(event);
  }
}

function readable(line: string): string[] {
  return renderLogRecord(readLogLine(line), plain).map((text) => `  ${text}`);
}

/** The error of a process that did not come up, with the end of its log. */
function withLog(error: unknown, lines: readonly string[]): unknown {
  if (!(error instanceof LauncherError) || error.code === 'ERR_STOPPED') return error;
  const last = lines.slice(-LAST_LINES);
  const hint = last.some((line) => line.includes('EADDRINUSE'))
    ? '\nA port was taken after it had been checked: choose others with --port, --aux-data-port, --aux-http-port'
    : '';
  const log = last.length === 0 ? 'It logged nothing.' : `Its last log lines:\n${last.flatMap(readable).join('\n')}`;
  return new LauncherError(error.code, `${error.message}\n${log}${hint}`, { cause: error });
}

/**
 * Starts a cluster on this machine and resolves when every process is ready. Call `stop()` at the end. When the caller
 * dies, the processes drain and end by themselves.
 * @throws LauncherError ERR_USAGE, ERR_PLATFORM, ERR_NOT_BUILT, ERR_PORT_IN_USE, ERR_ADDRESS_UNUSABLE, ERR_DATA_DIR_LOCKED,
 * ERR_DATA_DIR_UNUSABLE, ERR_PROCESS_DIED, ERR_NOT_READY; what had been started is stopped by then
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = new Cluster(options);
  await cluster.boot();
  return cluster;
}
