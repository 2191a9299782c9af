import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../child-process.js';
import { eventually } from '../eventually.js';
import { freePort, Program } from './program.js';

const NGINX = join(ROOT, 'infra', 'nginx');
const WORLD_READABLE = 0o755;

/** The load balancer of this repository on loopback, started as in its container. */
export class LoadBalancer {
  readonly #program: Program;
  readonly #directory: string;
  readonly url: string;

  private constructor(program: Program, directory: string, url: string) {
    this.#program = program;
    this.#directory = directory;
    this.url = url;
  }

  static async start(
    masters: readonly { readonly address: string }[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<LoadBalancer> {
    const directory = await mkdtemp(join(tmpdir(), 'dcs-nginx-'));
    await chmod(directory, WORLD_READABLE); // started by root, its workers run as somebody else
    const address = `127.0.0.1:${await freePort()}`;
    const program = new Program('sh', [join(NGINX, 'start.sh')], {
      env: {
        PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, // where Debian puts nginx
        NGINX_PORT: address,
        NGINX_MASTERS: masters.map((master) => master.address).join(' '),
        NGINX_TEMPLATES: join(NGINX, 'templates'),
        NGINX_RUN_DIR: join(directory, 'run'),
        NGINX_ACCESS_LOG: join(directory, 'access.log'), // the pipe to a child cannot be opened as /dev/stdout
        NGINX_CHECK_SECONDS: '0.2',
        ...env,
      },
    });
    const balancer = new LoadBalancer(program, directory, `http://${address}`);
    await eventually(async () => {
      if (!program.running) throw new Error(`it ended: ${program.stderr}`);
      await fetch(balancer.url);
    });
    return balancer;
  }

  /** What Nginx and its script complained about. */
  get complaints(): string {
    return this.#program.stderr;
  }

  /** The lines of the access log so far. */
  get accessLog(): Record<string, unknown>[] {
    const lines = readFileSync(join(this.#directory, 'access.log'), 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Files of bodies and answers that Nginx keeps at this moment. */
  get keptFiles(): string[] {
    return ['client_body', 'proxy'].flatMap((name) => readdirSync(join(this.#directory, 'run', name), { recursive: true }).map(String)); // prettier-ignore
  }

  async close(): Promise<void> {
    await this.#program.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
