import { link, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LauncherError } from './errors.js';

/** Who holds a data directory. */
export interface LockHolder {
  readonly pid: number;
  /** Tells a process from a later one with the same pid; empty where the system does not say. */
  readonly started: string;
}

const LOCK_FILE = /^launcher\.lock\.(\d{1,15})$/;
const lockName = (generation: number): string => `launcher.lock.${generation}`;
const ATTEMPTS = 20;
/** Of the fields of /proc/PID/stat that follow the command: the state and the start time (fields 3 and 22, see proc(5)). */
const STATE_AFTER_COMMAND = 0;
const START_TIME_AFTER_COMMAND = 19;
/** A zombie, and a process that the kernel is removing: they have ended, and hold nothing. */
const ENDED_STATES: ReadonlySet<string> = new Set(['Z', 'X', 'x']);

/**
 * Holds a data directory for one launcher. The lock is a file that names its holder, so a launcher that was killed
 * leaves one behind: it counts only while that very process lives.
 *
 * Files are numbered, and only the highest number counts. To take over from a dead holder is to create the next number,
 * which the file system lets only one do; the newest file is never deleted (a release empties it), so that nobody who
 * has been slow since looking can create a number that would count.
 */
export class DataLock {
  readonly #path: string;
  readonly #content: string;
  #locked = true;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /**
   * Creates `directory` if need be and locks it.
   * @throws LauncherError ERR_DATA_DIR_LOCKED when a live launcher has it, ERR_DATA_DIR_UNUSABLE when it cannot be written
   */
  static async acquire(directory: string, self: LockHolder = currentProcess()): Promise<DataLock> {
    const content = `${JSON.stringify(self)}\n`;
    const draft = join(directory, `launcher.draft.${self.pid}.${process.hrtime.bigint()}`);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(draft, content, { flag: 'wx', mode: 0o600 });
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const last = (await generations(directory)).at(-1) ?? 0;
        const holder = last === 0 ? undefined : await readHolder(join(directory, lockName(last)));
        if (holder !== undefined && isAlive(holder)) throw lockedBy(directory, holder);
        const path = join(directory, lockName(last + 1));
        // link() fails when the name exists, and the file is complete from the first moment it is seen.
        if (!(await linked(draft, path))) continue;
        const found = await generations(directory);
        if (found.at(-1) === last + 1) {
          await Promise.all(found.slice(0, -1).map((old) => rm(join(directory, lockName(old)), { force: true })));
          return new DataLock(path, content);
        }
        await rm(path, { force: true }); // Others have come and gone since we looked.
      }
    } catch (error) {
      if (error instanceof LauncherError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const text = `cannot use the data directory ${directory}: ${code ?? message}; choose another with --data`;
      throw new LauncherError('ERR_DATA_DIR_UNUSABLE', text, { cause: error });
    } finally {
      await rm(draft, { force: true }).catch(() => undefined);
    }
    throw new LauncherError('ERR_DATA_DIR_LOCKED', `other launchers are starting in ${directory}: try again`);
  }

  /** Lets the directory go. Idempotent. */
  async release(): Promise<void> {
    if (!this.#locked) return;
    this.#locked = false;
    const content = await readFile(this.#path, 'utf8').catch(() => '');
    if (content === this.#content) await truncate(this.#path);
  }
}

/** Whether the process that wrote a lock still runs. A zombie does not: it has ended, and its parent has not noticed. */
export function isAlive(holder: LockHolder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const { started, ended } = stateOf(holder.pid);
  return !ended && (holder.started === '' || started === '' || started === holder.started);
}

export function currentProcess(): LockHolder {
  return { pid: process.pid, started: stateOf(process.pid).started };
}

/** The start time of a process, unique per pid and boot, and whether it has ended; empty and false without /proc. */
function stateOf(pid: number): { readonly started: string; readonly ended: boolean } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    // The command is in parentheses and may hold anything, parentheses included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      started: `${boot}/${fields[START_TIME_AFTER_COMMAND] ?? ''}`,
      ended: ENDED_STATES.has(fields[STATE_AFTER_COMMAND] ?? ''),
    };
  } catch {
    return { started: '', ended: false };
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof holder !== 'object' || holder === null || !('pid' in holder) || !Number.isInteger(holder.pid))
      return undefined;
    const started = 'started' in holder && typeof holder.started === 'string' ? holder.started : '';
    return { pid: Number(holder.pid), started };
  } catch {
    return undefined; // Gone meanwhile, or not a lock that anyone can hold.
  }
}

/** The numbers of the lock files, ascending. */
async function generations(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => LOCK_FILE.exec(name)?.slice(1).map(Number) ?? []).sort((a, b) => a - b);
}

function lockedBy(directory: string, holder: LockHolder): LauncherError {
  const text = `the data directory ${directory} is used by another launcher (pid ${holder.pid}): stop it, or choose another with --data`;
  return new LauncherError('ERR_DATA_DIR_LOCKED', text);
}
