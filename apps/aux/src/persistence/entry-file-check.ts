import { execFile } from 'node:child_process';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiskError } from './errors.js';
import { SCHEMA } from './meta.js';

/** What the child process prints. */
interface Findings {
  /** Of LMDB (negative) or the system. */
  readonly code?: number;
  readonly ours?: boolean;
  readonly schema?: number | null;
  readonly broken?: string;
}

const SCRIPT = fileURLToPath(new URL('./check-entry-file.js', import.meta.url));
const BASE_TIMEOUT_MS = 15_000;
/** Far below what any disk reads; it only tells work from a hang. */
const LEAST_BYTES_PER_MS = 2000;
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP']);
const { ENOMEM, EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EMFILE, ENFILE } = constants.errno;
/** What says nothing about the file. */
const NOT_THE_FILE: ReadonlySet<number> = new Set([ENOMEM, EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EMFILE, ENFILE]);
const DAMAGED = '.damaged-';
const KEPT_DAMAGED = 2;

/**
 * Walks an entry file in a process of its own and verifies every checksum. A file whose structure is broken, at which the
 * process dies or hangs, is set aside as `<file>.damaged-<time>`; the last two of those are kept.
 *
 * @param now ms since the Unix epoch
 * @returns why the file was set aside; undefined when it is sound, or there is none
 * @throws DiskError ERR_DISK_FOREIGN, ERR_DISK_SCHEMA: the file is left as it is
 */
export async function checkEntryFile(path: string, now: number): Promise<string | undefined> {
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
  if (bytes === undefined) return undefined;
  const { ours, schema, broken, code } = await findingsOf(path, BASE_TIMEOUT_MS + Math.round(bytes / LEAST_BYTES_PER_MS));
  if (broken !== undefined && code !== undefined && NOT_THE_FILE.has(code))
    throw new Error(`reading ${path}: ${broken}`);
  if (broken !== undefined) {
    await setAside(path, now);
    return broken;
  }
  if (ours === false) {
    throw new DiskError(
      'ERR_DISK_FOREIGN',
      `${path} is not a file of this cache: expected one with entries; move it away, or set another DCS_DATA_DIR`,
    );
  }
  if (typeof schema === 'number' && schema > SCHEMA) {
    throw new DiskError(
      'ERR_DISK_SCHEMA',
      `${path} has format ${schema}, expected ${SCHEMA} at most: a newer version wrote it; run that, or move it away`,
    );
  }
  return undefined;
}

function findingsOf(path: string, timeoutMs: number): Promise<Findings> {
  return new Promise((resolve, reject) => {
    const args = [SCRIPT, path];
    execFile(process.execPath, args, { timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const { killed = false, signal } = error ?? {};
      if (killed) resolve({ broken: `it could not be read in ${timeoutMs} ms` });
      else if (typeof signal === 'string' && CRASHES.has(signal)) resolve({ broken: `reading it ends in ${signal}` });
      else if (stdout === '')
        reject(new Error(`${path} could not be checked: ${signal ?? (stderr || error?.message)}`));
      else resolve(JSON.parse(stdout) as Findings);
    });
  });
}

async function setAside(path: string, now: number): Promise<void> {
  const directory = dirname(path);
  await rename(path, `${path}${DAMAGED}${new Date(now).toISOString().replaceAll(':', '-')}`);
  await rm(`${path}-lock`, { force: true });
  const names = (await readdir(directory)).filter((name) => name.startsWith(basename(path) + DAMAGED)).sort();
  for (const name of names.slice(0, -KEPT_DAMAGED)) await rm(join(directory, name), { force: true });
}
