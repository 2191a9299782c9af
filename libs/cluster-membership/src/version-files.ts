import { link, mkdir, readFile, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_DIRECTORY, PRIVATE_FILE } from './private-files.js';

/*
 * A text shared by the processes of one machine, changed by compare-and-set, without a lock that a killed process
 * could leave behind. Every version is a file of its own, numbered:
 *
 *   41.ledger   42.ledger   tmp.3120.7        read:    the highest number
 *                                             commit:  write tmp, link(tmp, 43.ledger), unlink tmp
 *
 * `link` is atomic and fails when the name is there: of two writers that both read 42 one makes 43, the other is
 * told so and begins again. A process killed at any point leaves at most a temporary file. Old versions are deleted
 * by whoever finds them.
 *
 * The one danger is a writer that read 42, slept, and links 43 after 43 was made, replaced by many others and
 * deleted. So a version is deleted only after the deleting process has itself watched it for `RETIRE_MS` of
 * monotonic time, and a commit that took more than half of that counts as not made (`late`). What such a writer left
 * behind is below the highest version and is never read.
 */

const RETIRE_MS = 10_000;
const SWEEP_EVERY_MS = 1_000;
/** The current version and the one before it, to fall back on when the current one is damaged, always stay. */
const KEEP = 2;
const VERSION = /^(\d{1,15})\.ledger$/;
const TEMPORARY = /^tmp\./;

export interface Candidate {
  readonly version: number;
  readonly text: string;
}

export class VersionFiles {
  readonly directory: string;
  readonly #writer: string;
  readonly #now: () => number;
  readonly #firstSeen = new Map<string, number>();
  #names: readonly string[] = [];
  #readAtMs = 0;
  #sweptAtMs = -Infinity;
  #serial = 0;

  /** `writer` is a name no other writer has; `now` a monotonic clock, milliseconds. */
  constructor(directory: string, writer: string, now: () => number) {
    this.directory = directory;
    this.#writer = writer;
    this.#now = now;
  }

  /** Versions from the highest down, read as they are asked for. The highest number is 0 where there is none. */
  async open(): Promise<{ highest: number; candidates: AsyncIterable<Candidate> }> {
    this.#readAtMs = this.#now();
    this.#names = await readdir(this.directory).catch(absent<string[]>([]));
    const versions = this.#names.map(versionOf).filter((version) => version > 0);
    versions.sort((a, b) => b - a);
    return { highest: versions[0] ?? 0, candidates: this.#candidates(versions) };
  }

  /** Makes the version after `highest`; `'taken'` when another writer was first, `'late'` when nobody can tell. */
  async commit(highest: number, text: string): Promise<'done' | 'taken' | 'late'> {
    const temporary = join(this.directory, `tmp.${this.#writer}.${++this.#serial}`);
    try {
      await writeFile(temporary, text, { ...PRIVATE_FILE, flag: 'wx' }).catch(async (error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
        await mkdir(this.directory, PRIVATE_DIRECTORY);
        await writeFile(temporary, text, { ...PRIVATE_FILE, flag: 'wx' });
      });
      await link(temporary, join(this.directory, `${highest + 1}.ledger`));
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST' || code === 'ENOENT') return 'taken'; // ENOENT: the directory was wiped under us
      throw error;
    } finally {
      await unlink(temporary).catch(() => undefined);
    }
    if (this.#now() - this.#readAtMs > RETIRE_MS / 2) return 'late';
    await this.#sweep(highest + 1);
    return 'done';
  }

  async *#candidates(versions: readonly number[]): AsyncGenerator<Candidate> {
    for (const version of versions) {
      const text = await readFile(join(this.directory, `${version}.ledger`), 'utf8').catch(absent(undefined));
      if (text !== undefined) yield { version, text };
    }
  }

  async #sweep(current: number): Promise<void> {
    const now = this.#now();
    if (now - this.#sweptAtMs < SWEEP_EVERY_MS) return;
    this.#sweptAtMs = now;
    const present = new Set(this.#names);
    for (const name of this.#firstSeen.keys()) if (!present.has(name)) this.#firstSeen.delete(name);
    for (const name of present) {
      const version = versionOf(name);
      const old = version > 0 && version <= current - KEEP;
      if (!old && !TEMPORARY.test(name)) continue;
      const seen = this.#firstSeen.get(name);
      if (seen === undefined) this.#firstSeen.set(name, now);
      else if (now - seen >= RETIRE_MS) await unlink(join(this.directory, name)).catch(() => undefined);
    }
  }
}

function versionOf(name: string): number {
  return Number(VERSION.exec(name)?.[1] ?? 0);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

function absent<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === 'ENOENT') return value;
    throw error;
  };
}
