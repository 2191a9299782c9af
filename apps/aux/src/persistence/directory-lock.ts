import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DiskError } from './errors.js';

/**
 * `locked`: it has the folder. `claiming`: it is about to find out. `leaving`: it closed the connection, and will be dead
 * soon. `dead`: nobody listens any more.
 */
type Holder = 'locked' | 'claiming' | 'leaving' | 'dead';

const LOCK = 'lock-';
const CLAIM = '.claim-';
const ANSWER_TIMEOUT_MS = 1000;
const CLAIM_TIMEOUT_MS = 5000;
const LOOK_AGAIN_MS = 20;
/** Of `sockaddr_un` where paths cannot be shortened. */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Keeps a folder for one process, also against processes in other containers that share the volume: process ids mean
 * nothing there, but a Unix domain socket can be connected to exactly as long as its process lives.
 *
 * Each claimant first shows a socket of its own, with a name that is never used again, and then looks at all others. Of
 * two claimants the later to show itself sees the other, so never do both see nobody. One who sees a holder, or a
 * claimant with a smaller name, withdraws; the one with the smallest name waits for the others to do so. A socket that
 * refuses connections can be removed by anybody at any time, because no process ever listens on it again.
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #descriptor: number | undefined;
  readonly #name = LOCK + randomBytes(8).toString('hex');
  #server: Server | undefined;
  #locked = false;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#descriptor =
      process.platform === 'linux' ? openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY) : undefined;
  }

  /** @throws DiskError ERR_DISK_LOCKED; what the system says of the directory: EACCES, EROFS, ENOENT, ... */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const lock = new DirectoryLock(directory);
    try {
      await lock.#show();
      await lock.#win();
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Idempotent. */
  async release(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await rm(this.#at(this.#name), { force: true }).catch(() => undefined); // a dead socket does no harm
    await new Promise((resolve) => server.close(resolve));
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  /** A path to a name in the folder; on Linux a short one, whatever the length of the folder's. */
  #at(name: string): string {
    if (this.#descriptor !== undefined) return `/proc/self/fd/${this.#descriptor}/${name}`;
    return join(this.#directory, name);
  }

  /** Listens first, and only then takes the name by which others find it. */
  async #show(): Promise<void> {
    const claim = this.#at(CLAIM + this.#name);
    if (Buffer.byteLength(claim) > MAX_SOCKET_PATH_BYTES) {
      throw new DiskError(
        'ERR_DISK_DIRECTORY',
        `${this.#directory}: the path is too long for a socket; use a shorter one`,
      );
    }
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(this.#locked ? 'h' : 'c');
    });
    this.#server = server;
    server.unref();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(claim, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', () => undefined);
    await rename(claim, this.#at(this.#name));
  }

  async #win(): Promise<void> {
    const deadline = performance.now() + CLAIM_TIMEOUT_MS;
    do {
      const names = (await readdir(this.#directory)).filter((name) => name.startsWith(LOCK) && name !== this.#name);
      const holders = await Promise.all(names.map((name) => probe(this.#at(name))));
      if (holders.includes('locked') || names.some((name, i) => holders[i] === 'claiming' && name < this.#name)) break;
      await Promise.all(
        names.filter((_, i) => holders[i] === 'dead').map((name) => rm(this.#at(name), { force: true })),
      );
      if (holders.every((holder) => holder === 'dead')) {
        this.#locked = true;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    } while (performance.now() < deadline);
    throw new DiskError(
      'ERR_DISK_LOCKED',
      `${this.#directory} is in use by another process; stop that one, or give this one another DCS_ID or DCS_DATA_DIR`,
    );
  }
}

/** Whatever is not certainly dead counts as locked: a stopped process does not answer, and has the folder. */
function probe(path: string): Promise<Holder> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (holder: Holder) => {
      socket.destroy();
      resolve(holder);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => settle('locked'));
    socket.once('data', (answer) => settle(answer.toString('latin1') === 'c' ? 'claiming' : 'locked'));
    socket.once('error', ({ code = '' }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED' || code === 'ENOENT') settle('dead');
      else settle(code === 'ECONNRESET' || code === 'EPIPE' ? 'leaving' : 'locked');
    });
    socket.once('close', () => settle('leaving'));
  });
}
