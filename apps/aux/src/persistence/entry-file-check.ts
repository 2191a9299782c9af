import { execFile } from 'node:child_process';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
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
  readonly schema?: number;
  readonly broken?: string;
  readonly damaged?: number;
  /** Why there is no copy. */
  readonly uncopied?: string;
}

const SCRIPT = fileURLToPath(new URL('./check-entry-file.js', import.meta.url));
const BASE_TIMEOUT_MS = 60_000;
/** Far below what any disk reads; it only tells work from a hang. */
const LEAST_BYTES_PER_MS = 2000;
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP']);
const { ENOMEM, EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EMFILE, ENFILE } = constants.errno;
/** What says nothing about the file. */
const NOT_THE_FILE: ReadonlySet<number> = new Set([ENOMEM, EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EMFILE, ENFILE]);
/** Both of LMDB's meta pages. */
const HEAD_BYTES = 8192;
const LMDB_MAGIC = Buffer.from('dec0efbe', 'hex');
const COPY = '.copy';
const DAMAGED = '.damaged-';
const KEPT_DAMAGED = 2;

/** What became of the entry file that was found. */
export interface EntryFileCheck {
  /** Entries that were damaged, and left out. */
  readonly damaged: number;
  /** Why the file was set aside: there is none now. */
  readonly setAside: string | undefined;
}

/**
 * Walks an entry file in a process of its own, verifies every checksum, and puts a copy of what is intact in its place:
 * whatever bytes nobody reads before the file is written to (the lists of its free pages, for one) cannot do harm then. A
 * disk that is too full for a copy keeps the file.
 *
 * A file whose structure is broken, at which the process dies or hangs, is set aside as `<file>.damaged-<time>`; the last
 * two of those are kept.
 *
 * @param now ms since the Unix epoch
 * @throws DiskError ERR_DISK_FOREIGN, ERR_DISK_SCHEMA: the file is left as it is
 */
export async function checkEntryFile(path: string, now: number): Promise<EntryFileCheck> {
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
  if (bytes === undefined) return { damaged: 0, setAside: undefined };
  if (!(await isOurs(path))) throw foreign(path);
  const copy = path + COPY;
  try {
    const timeoutMs = BASE_TIMEOUT_MS + Math.round(bytes / LEAST_BYTES_PER_MS);
    let findings = await findingsOf([path, copy], timeoutMs);
    // Was it the copy that failed?
    if (findings.broken !== undefined) findings = { uncopied: 'broken', ...(await findingsOf([path], timeoutMs)) };
    const { ours, schema, broken, code, uncopied, damaged = 0 } = findings;
    if (broken !== undefined) {
      if (code !== undefined && NOT_THE_FILE.has(code)) throw new Error(`reading ${path}: ${broken}`);
      await setAside(path, now);
      return { damaged: 1, setAside: broken };
    }
    if (ours === false) throw foreign(path);
    if (schema !== undefined && schema > SCHEMA) {
      throw new DiskError(
        'ERR_DISK_SCHEMA',
        `${path} has format ${schema}, expected ${SCHEMA} at most: a newer version wrote it; run that, or move it away`,
      );
    }
    if (uncopied === undefined) await rename(copy, path);
    return { damaged: uncopied === undefined ? damaged : 0, setAside: undefined };
  } finally {
    await rm(copy, { force: true });
    await rm(`${copy}-lock`, { force: true });
  }
}

function foreign(path: string): DiskError {
  return new DiskError(
    'ERR_DISK_FOREIGN',
    `${path} is not a file of this cache: expected one with entries; move it away, or set another DCS_DATA_DIR`,
  );
}

/** Whether it begins as LMDB does, or lies beside a journal: then it may be damaged, but not somebody else's. */
async function isOurs(path: string): Promise<boolean> {
  if ((await readdir(dirname(path))).some((name) => name.startsWith('journal-'))) return true;
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead).includes(LMDB_MAGIC) || buffer.every((byte) => byte === 0);
  } finally {
    await handle.close();
  }
}

function findingsOf(files: readonly string[], timeoutMs: number): Promise<Findings> {
  return new Promise((resolve, reject) => {
    const args = [SCRIPT, ...files];
    execFile(process.execPath, args, { timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const { killed = false, signal } = error ?? {};
      if (killed) resolve({ broken: `it could not be read in ${timeoutMs} ms` });
      else if (typeof signal === 'string' && CRASHES.has(signal)) resolve({ broken: `reading it ends in ${signal}` });
      else if (stdout === '')
        reject(new Error(`${files[0]} could not be checked: ${signal ?? (stderr || error?.message)}`));
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
