import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClockReading } from './clock-offset.js';
import { PRIVATE_DIRECTORY, PRIVATE_FILE } from './private-files.js';

export interface MachineClockOptions {
  readonly directory: string;
  /** A name that no other writer has. */
  readonly writer: string;
  /** Monotonic clock that all processes of the machine share, ms since its boot. */
  readonly machineMs: () => number;
  /** Monotonic clock of this process, ms: what readings are offsets to. Default `performance.now`. */
  readonly monotonic?: () => number;
  /** Wall clock, ms since 1970. Default `Date.now`. */
  readonly wall?: () => number;
  /** Names the boot of the machine; undefined where nothing does. Default the kernel's. */
  readonly bootId?: string | undefined;
}

const NAME = 'clock';
/** Without a name of the boot, a base that is further off than this is of an earlier one, ms. */
const SAME_BOOT_MS = 60_000;

/**
 * One time for all processes of a machine, whatever becomes of its wall clock: the monotonic clock that they share, plus
 * a base that the first of them has taken from the wall clock. The base is a file, `clock.<boot id>`, made by `link` as
 * versions are (version-files.ts), so that there is one. Whoever finds it gone puts it back. After the next boot the wall
 * clock counts again, once.
 *
 * Where the kernel does not name its boot (not Linux) the file is `clock`, and a base that contradicts the wall clock by
 * more than a minute is replaced.
 */
export class MachineClock {
  readonly #options: MachineClockOptions;
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  readonly #bootId: string | undefined;
  readonly #path: string;
  /** Time since 1970 at which the machine's monotonic clock began. */
  #baseMs: number | undefined;
  #reading: ClockReading | undefined;

  constructor(options: MachineClockOptions) {
    const { directory, monotonic = () => performance.now(), wall = Date.now } = options;
    this.#options = options;
    this.#monotonic = monotonic;
    this.#wall = wall;
    this.#bootId = 'bootId' in options ? options.bootId : kernelBootId();
    this.#path = join(directory, this.#bootId === undefined ? NAME : `${NAME}.${this.#bootId}`);
  }

  /** As of the last {@link look}: undefined before it. */
  get reading(): ClockReading | undefined {
    return this.#reading;
  }

  /** Looks at the file, and makes it where there is none. @throws what the file system says */
  async look(): Promise<void> {
    const found = await this.#read();
    const baseMs = found ?? (await this.#create());
    if (baseMs === this.#baseMs) return;
    this.#baseMs = baseMs;
    this.#reading = { offsetMs: baseMs + this.#options.machineMs() - this.#monotonic(), errorMs: 1 };
  }

  /** The base in the file; undefined where there is none that counts. */
  async #read(): Promise<number | undefined> {
    const text = await readFile(this.#path, 'utf8').catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return '';
      throw error;
    });
    const baseMs = text === '' ? NaN : Number(text);
    if (!Number.isFinite(baseMs)) return undefined;
    const isOfThisBoot = this.#bootId !== undefined || Math.abs(baseMs - this.#ownBaseMs()) <= SAME_BOOT_MS;
    return isOfThisBoot ? baseMs : undefined;
  }

  async #create(): Promise<number> {
    const { directory, writer } = this.#options;
    const baseMs = this.#baseMs ?? this.#ownBaseMs();
    const temporary = join(directory, `tmp.${writer}.${NAME}`);
    await mkdir(directory, PRIVATE_DIRECTORY);
    await writeFile(temporary, String(baseMs), PRIVATE_FILE);
    try {
      await link(temporary, this.#path);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      const found = await this.#read();
      if (found !== undefined) return found; // another process was first
      await rename(temporary, this.#path); // damaged, or of an earlier boot
    } finally {
      await unlink(temporary).catch(() => undefined);
    }
    await this.#forgetEarlierBoots();
    return baseMs;
  }

  #ownBaseMs(): number {
    return this.#wall() - this.#options.machineMs();
  }

  async #forgetEarlierBoots(): Promise<void> {
    const { directory } = this.#options;
    const names = await readdir(directory).catch(() => []);
    const old = names.map((name) => join(directory, name)).filter((path) => path !== this.#path);
    for (const path of old) {
      if (path.startsWith(join(directory, `${NAME}.`))) await unlink(path).catch(() => undefined);
    }
  }
}

function kernelBootId(): string | undefined {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return /^[\w-]{1,64}$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === code;
}
