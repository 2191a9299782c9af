import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.js';
import { run } from '../system/program.js';
import { programPath } from './prerequisite.js';

const MIB = 2 ** 20;
const TIMEOUT_MS = 20_000;
/** ext4's timer writes nothing out by itself while a test lasts: what survives was synced by the one who wrote it. */
const OPTIONS = 'loop,commit=600';

/**
 * Waits for a line, then shuts an ext4 down as a power cut does (EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, see
 * fs/ext4/ext4.h of Linux): what is not on the disk by then, never gets there.
 */
const SHUTDOWN = `
import fcntl, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
print('armed', flush=True)
sys.stdin.readline()
fcntl.ioctl(folder, 0x8004587d, struct.pack('I', 2))
print('cut', flush=True)
`;

/** Why no file system can be mounted here; undefined when it can. */
export function whyNoMount(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting a file system needs root';
  for (const [name, debian] of [
    ['mount', 'mount'],
    ['mkfs.ext4', 'e2fsprogs'],
    ['python3', 'python3'],
  ] as const) {
    if (programPath(name) === undefined) return `no ${name} on this machine (Debian: ${debian})`;
  }
  const loop = spawnSync(programPath('losetup') ?? 'losetup', ['--find']);
  return loop.status === 0 ? undefined : `no loop device on this machine: ${loop.stderr.toString().trim()}`;
}

/** An ext4 in a file, mounted, whose power can be cut. */
export class LoopDisk {
  readonly #image: string;
  readonly #mountPoint: string;
  #shutdown: ChildProcess | undefined;
  #mounted = false;

  private constructor(image: string, mountPoint: string) {
    this.#image = image;
    this.#mountPoint = mountPoint;
  }

  static async create(mountPoint: string, mib: number): Promise<LoopDisk> {
    const image = join(await mkdtemp(join(tmpdir(), 'dcs-loop-')), 'image');
    const file = await open(image, 'w');
    await file.truncate(mib * MIB);
    await file.close();
    await run(programPath('mkfs.ext4')!, ['-q', '-m', '0', image]);
    await mkdir(mountPoint, { recursive: true });
    const disk = new LoopDisk(image, mountPoint);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await run(programPath('mount')!, ['-o', OPTIONS, this.#image, this.#mountPoint]);
    this.#mounted = true;
    const child = spawn(programPath('python3')!, ['-c', SHUTDOWN, this.#mountPoint], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#shutdown = child;
    await this.#says(child, 'armed');
  }

  /** From now on nothing that is written gets to the disk. */
  async cutPower(): Promise<void> {
    const child = this.#shutdown!;
    const cut = this.#says(child, 'cut');
    child.stdin?.end('now\n');
    await cut;
  }

  /** When nobody uses it any more. Idempotent. */
  async unmount(): Promise<void> {
    const child = this.#shutdown;
    this.#shutdown = undefined;
    if (child !== undefined && child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    if (!this.#mounted) return;
    await eventually(() => run(programPath('umount')!, [this.#mountPoint]), { timeoutMs: TIMEOUT_MS });
    this.#mounted = false;
  }

  async close(): Promise<void> {
    await this.unmount();
    await rm(join(this.#image, '..'), { recursive: true, force: true });
  }

  async #says(child: ChildProcess, word: string): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const [chunk] = (await once(child.stdout!, 'data', { signal })) as [Buffer];
    if (chunk.toString().trim() !== word) throw new Error(`got ${chunk.toString()}, want ${word}`);
  }
}

/** A file system of a few MiB in memory. */
export class SmallDisk {
  readonly #mountPoint: string;

  private constructor(mountPoint: string) {
    this.#mountPoint = mountPoint;
  }

  static async create(mountPoint: string, mib: number): Promise<SmallDisk> {
    await mkdir(mountPoint, { recursive: true });
    await run(programPath('mount')!, ['-t', 'tmpfs', '-o', `size=${mib}m`, 'dcs-test', mountPoint]);
    return new SmallDisk(mountPoint);
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    const file = await open(join(this.#mountPoint, 'ballast'), 'a');
    try {
      for (const bytes of [MIB, 4096]) {
        const chunk = Buffer.alloc(bytes);
        for (;;) {
          const { bytesWritten } = await file.write(chunk);
          if (bytesWritten < bytes) break;
        }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      await file.close();
    }
  }

  async makeRoom(): Promise<void> {
    await rm(join(this.#mountPoint, 'ballast'), { force: true });
  }

  async close(): Promise<void> {
    await eventually(() => run(programPath('umount')!, [this.#mountPoint]), { timeoutMs: TIMEOUT_MS });
  }
}
