import { createServer } from 'node:net';
import { LauncherError } from './errors.js';

/** A port that somebody wants, and how to choose another. */
export interface PortWish {
  readonly port: number;
  /** Who wants it: `master-1 HTTP`. */
  readonly owner: string;
  /** The option that moves it: `--port`. */
  readonly option: string;
}

/**
 * Where "any free port" is looked for: below the ranges from which Linux (32768) and BSD (49152) give local ports to
 * outgoing connections. A port from there could be taken by such a connection while its process is being restarted.
 */
const FREE_PORT_MIN = 15_000;
const FREE_PORT_MAX = 32_000;
const FREE_PORT_TRIES = 200;

/**
 * Checks, before anything starts, that each port can be bound on `host`.
 * @throws LauncherError ERR_PORT_IN_USE or ERR_ADDRESS_UNUSABLE, naming the port and the option to change
 */
export async function checkPorts(host: string, wishes: readonly PortWish[]): Promise<void> {
  const owners = new Map<number, PortWish>();
  for (const wish of wishes) {
    const other = owners.get(wish.port);
    if (other !== undefined) {
      const options = other.option === wish.option ? wish.option : `${other.option} or ${wish.option}`;
      const message = `port ${wish.port} is wanted by both ${other.owner} and ${wish.owner}: change ${options}`;
      throw new LauncherError('ERR_PORT_IN_USE', message);
    }
    owners.set(wish.port, wish);
  }
  for (const { port, owner, option } of wishes) {
    const problem = await tryPort(host, port);
    if (problem === undefined) continue;
    if (problem.code === 'EADDRINUSE') {
      const message = `port ${port} of ${host} (${owner}) is in use: stop what uses it, or choose another with ${option}`;
      throw new LauncherError('ERR_PORT_IN_USE', message, { cause: problem });
    }
    const advice = problem.code === 'EACCES' ? `choose one above 1023 with ${option}` : 'check --host';
    throw new LauncherError(
      'ERR_ADDRESS_UNUSABLE',
      `cannot listen on ${host}:${port} (${owner}): ${describe(problem)}; ${advice}`,
      {
        cause: problem,
      },
    );
  }
}

/**
 * Finds `count` different ports of `host` that are free now and not in `taken`.
 * @param random in [0, 1)
 * @throws LauncherError ERR_ADDRESS_UNUSABLE
 */
export async function freePorts(
  host: string,
  count: number,
  taken: ReadonlySet<number> = new Set(),
  random: () => number = Math.random,
): Promise<number[]> {
  const found: number[] = [];
  let problem: NodeJS.ErrnoException | undefined;
  for (let tries = 0; found.length < count && tries < FREE_PORT_TRIES + count; tries += 1) {
    const port = FREE_PORT_MIN + Math.floor(random() * (FREE_PORT_MAX - FREE_PORT_MIN));
    if (taken.has(port) || found.includes(port)) continue;
    problem = await tryPort(host, port);
    if (problem === undefined) found.push(port);
    else if (problem.code !== 'EADDRINUSE') break;
  }
  if (found.length === count) return found;
  const reason = problem === undefined ? `no ${count} free ports` : describe(problem);
  throw new LauncherError('ERR_ADDRESS_UNUSABLE', `cannot find a free port on ${host}: ${reason}; check --host`, {
    cause: problem,
  });
}

function describe(problem: NodeJS.ErrnoException): string {
  return problem.code === undefined ? problem.message : problem.code;
}

/** Binds and lets go; undefined when that worked. */
function tryPort(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
