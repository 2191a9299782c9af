import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../child-process.js';
import { eventually } from '../eventually.js';
import { run } from './program.js';

/** Where there is no container registry, this builds images of the same names from Debian's packages. */
const STAND_INS = join(ROOT, '..', 'shared', 'docker', 'offline-images');
const BASE_IMAGES = ['node=node:24-bookworm-slim', 'nginx=nginx:1.28', 'redis=redis:7.4', 'prometheus=prom/prometheus:v3.5.0']; // prettier-ignore

const START_TIMEOUT_MS = 60_000;
const STAND_INS_TIMEOUT_MS = 600_000;

/** Debian's client first: it can build with BuildKit by itself. */
const PATH = `/usr/bin:${process.env['PATH'] ?? ''}`;
export const ENGINE_ENV = { PATH, DOCKER_BUILDKIT: '1', COMPOSE_DOCKER_CLI_BUILD: '1' };

const works = (command: string, ...args: string[]) =>
  spawnSync(command, args, { env: { ...process.env, ...ENGINE_ENV }, stdio: 'ignore' }).status === 0;

/** `docker compose` when it is there, else docker-compose 1.29; undefined when neither is, or no engine can run. */
export function composeCommand(): readonly [string, ...string[]] | undefined {
  const startable = process.getuid?.() === 0 && works('dockerd', '--version');
  if (!works('docker', 'info') && !startable) return undefined;
  if (works('docker', 'compose', 'version')) return ['docker', 'compose'];
  return works('docker-compose', 'version') ? ['docker-compose'] : undefined;
}

/** The container engine of this machine; started, and stopped again, when it does not run. */
export class ContainerEngine {
  #daemon: ChildProcess | undefined;

  async start(): Promise<void> {
    if (!works('docker', 'info')) {
      const log = openSync(join(tmpdir(), 'dcs-e2e-dockerd.log'), 'w');
      this.#daemon = spawn('dockerd', [], { env: { ...process.env, ...ENGINE_ENV }, stdio: ['ignore', log, log] });
      await eventually(
        () => {
          if (!works('docker', 'info')) throw new Error('dockerd did not start: see dcs-e2e-dockerd.log');
        },
        { timeoutMs: START_TIMEOUT_MS, intervalMs: 500 },
      );
    }
    if (existsSync(STAND_INS)) await run(STAND_INS, BASE_IMAGES, { env: ENGINE_ENV, timeoutMs: STAND_INS_TIMEOUT_MS });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
  }
}
