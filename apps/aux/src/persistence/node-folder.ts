import { createHash } from 'node:crypto';
import { access, constants, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { privateDirectory } from '@dcs/environment';
import { DirectoryLock } from './directory-lock.js';
import { DiskError, reasonOf } from './errors.js';

/** A folder that belongs to this process until `lock` is released. */
export interface NodeFolder {
  readonly id: string;
  readonly path: string;
  readonly lock: DirectoryLock;
}

const UNSAFE = /[^A-Za-z0-9._-]|^\./gu;
/** Below the 255 bytes that file systems take. */
const MAX_NAME_BYTES = 200;
const LONG = '%%';
/** In the folder of an id that is too long for a name. */
const ID_FILE = 'id';
/** The host, or container, that had the folder last. */
const HOST_FILE = 'host';
const MAX_NODES = 100_000;

/** A name for the folder of a node: the id itself where it is safe, `%` and hexadecimal digits for bytes that are not. */
export function folderOf(id: string): string {
  const name = id.replace(UNSAFE, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  );
  if (name.length <= MAX_NAME_BYTES) return name;
  return LONG + createHash('sha256').update(id).digest('hex');
}

/** The id whose folder has this name; undefined when no id's has, or the name does not tell. */
export function idOf(folder: string): string | undefined {
  if (folder.startsWith(LONG)) return undefined;
  try {
    const id = decodeURIComponent(folder);
    return folderOf(id) === folder ? id : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Takes the folder of node `id` in `dataDir`; without an id the one that this host had last, else the first that is free,
 * in natural order, or a new one `aux-1`, `aux-2`, ..., whose name is the id then. Never the same one for two processes.
 * So a container that is started again has its id again, whatever the order in which containers start.
 *
 * @throws DiskError ERR_DISK_LOCKED when the node's folder is in use, ERR_DISK_DIRECTORY when it cannot be used
 */
export async function claimFolder(dataDir: string, id: string | undefined, host = hostname()): Promise<NodeFolder> {
  try {
    await access(dataDir, constants.R_OK | constants.X_OK);
    return id === undefined ? await claimAny(dataDir, host) : await claim(dataDir, id, host);
  } catch (error) {
    if (error instanceof DiskError) throw error;
    throw new DiskError(
      'ERR_DISK_DIRECTORY',
      `cannot use DCS_DATA_DIR=${dataDir}: ${reasonOf(error)}; it must be a directory that this process can write to`,
      { cause: error },
    );
  }
}

async function claimAny(dataDir: string, host: string): Promise<NodeFolder> {
  for (const id of await idsIn(dataDir, host)) {
    const folder = await claimIfFree(dataDir, id, host);
    if (folder !== undefined) return folder;
  }
  for (let n = 1; n <= MAX_NODES; n++) {
    const folder = await claimIfFree(dataDir, `aux-${n}`, host);
    if (folder !== undefined) return folder;
  }
  throw new DiskError('ERR_DISK_DIRECTORY', `${dataDir} has ${MAX_NODES} folders in use`);
}

/** Those that this host had before the others, each in natural order. */
async function idsIn(dataDir: string, host: string): Promise<string[]> {
  const ids: string[] = [];
  const own = new Set<string>();
  for (const entry of await readdir(dataDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const id = entry.name.startsWith(LONG)
      ? await readFile(join(dataDir, entry.name, ID_FILE), 'utf8').catch(() => undefined)
      : idOf(entry.name);
    if (id === undefined || folderOf(id) !== entry.name) continue;
    ids.push(id);
    const last = await readFile(join(dataDir, entry.name, HOST_FILE), 'utf8').catch(() => undefined);
    if (last === host) own.add(id);
  }
  const natural = new Intl.Collator('en', { numeric: true });
  const inOrder = ids.sort((a, b) => natural.compare(a, b) || (a < b ? -1 : 1));
  return [...inOrder.filter((id) => own.has(id)), ...inOrder.filter((id) => !own.has(id))];
}

async function claimIfFree(dataDir: string, id: string, host: string): Promise<NodeFolder | undefined> {
  try {
    return await claim(dataDir, id, host);
  } catch (error) {
    if ((error as DiskError).code === 'ERR_DISK_LOCKED') return undefined;
    throw error;
  }
}

async function claim(dataDir: string, id: string, host: string): Promise<NodeFolder> {
  const name = folderOf(id);
  const path = join(dataDir, name);
  await privateDirectory(path);
  const lock = await DirectoryLock.acquire(path);
  try {
    if (name.startsWith(LONG)) await writeFile(join(path, ID_FILE), id);
    // A disk that is full is no reason not to start: the folder is then nobody's.
    await writeFile(join(path, HOST_FILE), host).catch(() => undefined);
    return { id, path, lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
