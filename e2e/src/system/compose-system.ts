import { ROOT } from '../child-process.js';
import { eventually } from '../eventually.js';
import { call } from '../http.js';
import { composeCommand, ContainerEngine, ENGINE_ENV } from './container-engine.js';
import { freePort, run } from './program.js';

/** Everything but Grafana, for which an offline machine has no image. */
const SERVICES = ['nginx', 'master', 'aux', 'redis', 'prometheus'];
const COMMAND_TIMEOUT_MS = 900_000;
const HEALTHY_TIMEOUT_MS = 120_000;
const BACKUP_TIMEOUT_MS = 60_000;
const GRACE_SECONDS = 40;

/** Made up for the test; the real ones are in nobody's repository. */
export const TOKEN = 'token-of-the-compose-test';

export interface Container {
  readonly id: string;
  readonly service: string;
  readonly health: string | undefined;
  readonly user: string;
  readonly readOnly: boolean;
  readonly capDrop: readonly string[];
  readonly securityOptions: readonly string[];
  readonly memory: number;
  /** Published ports as `address:port`. */
  readonly published: readonly string[];
  /** Its addresses, one per network. */
  readonly addresses: readonly string[];
}

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly State: { readonly Health?: { readonly Status: string } };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
  };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

/** The system of docker-compose.yml under a project name and on ports of its own. */
export class ComposeSystem {
  readonly #engine = new ContainerEngine();
  readonly #project = `dcs-e2e-${process.pid}`;
  #env: Readonly<Record<string, string>> = {};
  url = '';
  prometheusUrl = '';

  /** Builds the images and starts everything; resolves when all of it is healthy. */
  async up(): Promise<void> {
    await this.#engine.start();
    const [http, prometheus] = [await freePort(), await freePort()];
    this.url = `http://127.0.0.1:${http}`;
    this.prometheusUrl = `http://127.0.0.1:${prometheus}`;
    this.#env = {
      ...ENGINE_ENV,
      HTTP_PORT: String(http),
      PROMETHEUS_PORT: String(prometheus),
      PUBLISH_ADDRESS: '127.0.0.1',
      DCS_API_TOKENS: `test:${TOKEN}:admin`,
      DCS_CLUSTER_SECRET: 'secret-of-the-compose-test',
      REDIS_PASSWORD: 'password-of-the-compose-test',
      GRAFANA_PASSWORD: 'another-of-the-compose-test',
      DCS_ALLOW_UNAUTHENTICATED: 'false',
    };
    await this.compose('build', 'master', 'aux');
    await this.scale({ master: 2, aux: 3 });
  }

  /** `docker compose up` with so many of each; resolves when all are healthy. Also brings back what was killed. */
  async scale(counts: { readonly master: number; readonly aux: number }): Promise<void> {
    const scales = Object.entries(counts).flatMap(([service, count]) => ['--scale', `${service}=${count}`]);
    await this.compose('up', '-d', '--no-recreate', ...scales, ...SERVICES);
    await eventually(
      async () => {
        const containers = await this.containers();
        for (const [service, count] of Object.entries({ nginx: 1, redis: 1, ...counts })) {
          const healthy = containers.filter((each) => each.service === service && each.health === 'healthy');
          if (healthy.length !== count) throw new Error(`${healthy.length} of ${count} ${service} are healthy`);
        }
      },
      { timeoutMs: HEALTHY_TIMEOUT_MS, intervalMs: 500 },
    );
  }

  /** What runs, read from the engine. */
  async containers(): Promise<Container[]> {
    const label = `label=com.docker.compose.project=${this.#project}`;
    const { stdout } = await this.docker('ps', '-q', '--no-trunc', '--filter', label);
    const ids = stdout.split('\n').filter(Boolean);
    if (ids.length === 0) return [];
    const inspected = JSON.parse((await this.docker('inspect', ...ids)).stdout) as Inspected[];
    return inspected.map(({ Id, Config, State, HostConfig, NetworkSettings }) => ({
      id: Id,
      service: Config.Labels['com.docker.compose.service'] ?? '',
      health: State.Health?.Status,
      user: Config.User,
      readOnly: HostConfig.ReadonlyRootfs,
      capDrop: HostConfig.CapDrop ?? [],
      securityOptions: HostConfig.SecurityOpt ?? [],
      memory: HostConfig.Memory,
      published: Object.values(NetworkSettings.Ports).flatMap((each) =>
        (each ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}`),
      ),
      addresses: Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
    }));
  }

  /** docker/upgrade.sh on this system. */
  async upgrade(): Promise<void> {
    const env = { ...this.#env, COMPOSE: (composeCommand() ?? []).join(' '), COMPOSE_PROJECT_NAME: this.#project };
    await run('sh', ['docker/upgrade.sh'], { cwd: ROOT, env, timeoutMs: COMMAND_TIMEOUT_MS });
  }

  /** SIGKILL to one container of a service. */
  async kill(service: string): Promise<void> {
    const victim = (await this.containers()).find((each) => each.service === service);
    if (victim === undefined) throw new Error(`no ${service} runs`);
    await this.docker('kill', victim.id);
  }

  /** `docker compose down`: no container is left, the volumes are. */
  async down(): Promise<void> {
    await this.compose('down', '--timeout', String(GRACE_SECONDS));
  }

  /** All aux at once, and their disks with them; the backups stay. */
  async loseAux(): Promise<void> {
    await this.compose('kill', 'aux');
    await this.compose('rm', '--force', 'aux');
    await this.docker('volume', 'rm', `${this.#project}_aux-data`);
  }

  /** As an operator does it, from inside: the call is not let in from outside. Resolves when all nodes have done it. */
  async backup(): Promise<void> {
    const asked = Date.now() / 1000;
    const nodes = (await this.containers()).filter(({ service }) => service === 'aux').length;
    const call = ['curl', '-fsS', '-X', 'POST', '-H', `Authorization: Bearer ${TOKEN}`];
    await this.compose('exec', '-T', 'nginx', ...call, 'http://master:8080/cluster/backup');
    const done = `count(dcs_backup_last_success_timestamp_seconds{cluster="dcs"} > ${asked})`;
    await eventually(
      async () => {
        const [result] = await this.query(done);
        if (Number(result?.value[1]) !== nodes) throw new Error(`${result?.value[1]} of ${nodes} have made a backup`);
      },
      { timeoutMs: BACKUP_TIMEOUT_MS, intervalMs: 500 },
    );
  }

  /** Asks Prometheus. */
  async query(expr: string): Promise<readonly { readonly value: readonly [number, string] }[]> {
    const answer = await call(this.prometheusUrl, `/api/v1/query?query=${encodeURIComponent(expr)}`);
    return answer.json<{ data: { result: { value: [number, string] }[] } }>().data.result;
  }

  docker(...args: string[]): ReturnType<typeof run> {
    return run('docker', args, { env: ENGINE_ENV, timeoutMs: HEALTHY_TIMEOUT_MS });
  }

  compose(...args: string[]): ReturnType<typeof run> {
    const [command, ...first] = composeCommand() ?? ['docker-compose'];
    const argv = [...first, '--project-name', this.#project, ...args];
    return run(command, argv, { cwd: ROOT, env: this.#env, timeoutMs: COMMAND_TIMEOUT_MS });
  }

  /** Containers, networks and volumes are gone afterwards, and the engine when it did not run before. */
  async close(): Promise<void> {
    try {
      await this.compose('down', '--volumes', '--remove-orphans', '--timeout', '5');
    } finally {
      await this.#engine.close();
    }
  }
}
